"""What is shown of a run that was only tried: its files and problems, and what it would come to."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from db.overview import Overview
from jobs.cli.money import estimate_lines
from jobs.cli.output import console, table, write_json
from jobs.cli.summary import FILES_SHOWN, PROBLEMS_SHOWN, show_problems
from jobs.estimate import Estimate, as_json
from jobs.progress import duration
from jobs.words import numbered

if TYPE_CHECKING:
    from jobs.embedded import Preview


def show_dry_run(plan: "Preview", made: Estimate, *, json: bool) -> None:
    """Show what a run would do, file by file; of a service also what it would cost."""
    if json:
        write_json(_dry_run_json(plan, made))
        return
    overview, out = Overview(plan.store.engine), console()
    files = overview.files(plan.job.id, FILES_SHOWN)
    rows = [
        (line.path, "photo" if line.kind == "photo" else duration(line.duration_s), f"{line.targets:,}")
        for line in files
    ]
    out.print(table(("file", "length", "frames to look at"), rows, right=("length", "frames to look at")))
    out.print()
    show_problems(out, overview.problems(plan.job.id, PROBLEMS_SHOWN + 1))
    for line in (*_files(plan, made), *(() if made.expense is None else _cost(plan, made))):
        out.print(line)
    out.print("this was a dry run: nothing was written")


def show_estimate(plan: "Preview", made: Estimate, *, json: bool) -> None:
    """Show what a run would cost."""
    if json:
        write_json({"counts": asdict(plan.counts)} | as_json(made))
        return
    out = console()
    show_problems(out, Overview(plan.store.engine).problems(plan.job.id, PROBLEMS_SHOWN + 1))
    for line in (*_files(plan, made), *_cost(plan, made)):
        out.print(line)


def _files(plan: "Preview", made: Estimate) -> Iterator[str]:
    counts = plan.counts
    yield (
        f"{numbered(counts.files, 'file')} ({counts.files_failed:,} unreadable, {counts.skipped:,} passed over), "
        f"{duration(counts.media_s)} of video, {numbered(counts.targets, 'frame')}, "
        f"{made.prospect.frames_new:,} of them not analysed yet"
    )


def _cost(plan: "Preview", made: Estimate) -> Iterator[str]:
    return estimate_lines(made, plan.job)


def _dry_run_json(plan: "Preview", made: Estimate) -> dict[str, Any]:
    return {
        "counts": asdict(plan.counts),
        "frames_to_analyse": made.prospect.frames_new,
        "media_known": made.prospect.media_done,
        "estimate": None if made.expense is None else as_json(made),
    }
