"""What a run leaves on the screen: totals, a line a file, what failed and why, and what to type next."""

import shlex
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from db.engine import parse_url
from db.overview import FileLine, Overview, ProblemLine
from db.records import JobRecord
from db.store import Store
from jobs.cli.money import bill_lines, more_for
from jobs.cli.output import console, printable, say, table, write_json
from jobs.control import Ending, RunOutcome
from jobs.errors import ExitCode
from jobs.looking import bill_of
from jobs.progress import duration
from jobs.status import bill_json
from jobs.words import numbered
from workers.settings import Settings

FILES_SHOWN = 20
PROBLEMS_SHOWN = 10
SHORT_ID = 8


def exit_code(outcome: RunOutcome) -> ExitCode:
    """How the command ends."""
    if outcome.ending not in (Ending.FINISHED, Ending.STOPPED):
        return ExitCode.INTERRUPTED
    if outcome.ending is Ending.STOPPED:
        return ExitCode.SOME_FAILED
    return ExitCode.SOME_FAILED if outcome.counts.files_failed else ExitCode.OK


def short(job_id: str) -> str:
    """A job's id as people see it."""
    return job_id[-SHORT_ID:]


def show_summary(store: Store, job: JobRecord, outcome: RunOutcome, *, as_json: bool, profile: bool) -> None:
    """Show what a run did, on stdout."""
    if as_json:
        write_json(_as_json(store, job, outcome))
        return
    overview = Overview(store.engine)
    files = overview.files(job.id, FILES_SHOWN + 1)
    problems = overview.problems(job.id, PROBLEMS_SHOWN + 1)
    out = console()
    if files:
        out.print(table(_FILE_COLUMNS, map(_file_cells, files[:FILES_SHOWN]), right=_NUMBERS))
        out.print()
    option = _database_option(store)
    of_all = f"moodreel export {short(job.id)} --table media_summary --output summary.csv{option}"
    _more(out, len(files) > FILES_SHOWN, of_all)
    show_problems(out, problems)
    of_problems = f"SELECT * FROM problems WHERE job = '{job.id}'"
    _more(out, len(problems) > PROBLEMS_SHOWN, f'moodreel query "{of_problems}"{option}')
    for line in _totals(store, job, outcome):
        out.print(line)
    if profile:
        out.print(_profile(outcome))
    for line in _next(store, job, outcome):
        out.print(line)


def say_totals(store: Store, job: JobRecord, outcome: RunOutcome) -> None:
    """Say how a job ended, on stderr: stdout holds its id."""
    for line in _totals(store, job, outcome):
        say(line)
    if outcome.counts.files_failed:
        say(f"what failed: moodreel status {short(job.id)}")


_FILE_COLUMNS = ("file", "length", "frames", "faces", "mostly", "valence")
_NUMBERS = ("length", "frames", "faces", "valence")


def _file_cells(line: FileLine) -> tuple[object, ...]:
    mostly = ", ".join(f"{name} {share:.0%}" for name, share in line.shares[:2])
    return (
        line.path,
        "photo" if line.kind == "photo" else duration(line.duration_s),
        f"{line.frames:,}" if line.complete else f"{line.frames:,} of {line.targets:,}",
        f"{line.faces:,}",
        mostly,
        None if line.valence is None else f"{line.valence:+.2f}",
    )


def show_problems(out: Any, problems: list[ProblemLine]) -> None:
    """Show the first problems, each with its hint."""
    for line in problems[:PROBLEMS_SHOWN]:
        out.print(f"{printable(line.path)}: {printable(line.problem.reason)} [{line.problem.code}]")
        out.print(f"  hint: {printable(line.problem.hint)}")
    if problems:
        out.print()


def _more(out: Any, more: bool, command: str) -> None:
    if more:
        out.print(f"there are more: {command}")
        out.print()


def _database_option(store: Store) -> str:
    """What must be added to a command so that it means this database: nothing where the settings lead there."""
    in_force = parse_url(Settings.load().database_url)
    if in_force.set(drivername=store.engine.url.drivername) == store.engine.url:
        return ""
    return f" --database {shlex.quote(printable(store.file or store.engine.url.render_as_string()))}"


def _totals(store: Store, job: JobRecord, outcome: RunOutcome) -> Iterable[str]:
    counts, desk = outcome.counts, outcome.desk
    named = f" ({printable(job.name)})" if job.name else ""
    yield f"job {short(job.id)}{named} {_ENDINGS[outcome.ending]} after {duration(outcome.elapsed_s)}"
    files = [numbered(counts.files, "file")]
    files += [
        f"{number:,} {what}"
        for number, what in _kinds(counts.files_failed, counts.files_partial, counts.skipped)
        if number
    ]
    yield ", ".join(files)
    yield f"{numbered(counts.frames, 'frame')} looked at, {numbered(counts.faces, 'face')} found"
    if desk.segments:
        speed = desk.frames / outcome.elapsed_s if outcome.elapsed_s else 0.0
        real = f", {desk.media_s / outcome.elapsed_s:.1f}x real time" if desk.media_s and outcome.elapsed_s else ""
        reused = counts.done - desk.segments
        known = f"; {reused:,} had been run before" if reused > 0 else ""
        yield f"{numbered(desk.segments, 'segment')} run ({speed:.1f} frames/s{real}){known}"
    elif outcome.ending is Ending.FINISHED and counts.segments and counts.done == counts.segments:
        yield "0 segments run: everything had been analysed before"
    yield from bill_lines(bill_of(store, job.id), job)
    if desk.unscored:
        yield f"{numbered(desk.unscored, 'face')} left without scores by the service: the column attributes says why"
    if job.stop_reason is not None:
        yield f"stopped: {printable(job.stop_reason)}"


def _kinds(failed: int, partial: int, skipped: int) -> tuple[tuple[int, str], ...]:
    return (failed, "failed"), (partial, "damaged or cut short"), (skipped, "passed over (no media)")


_ENDINGS = {
    Ending.FINISHED: "finished",
    Ending.INTERRUPTED: "interrupted",
    Ending.CANCELLED: "was cancelled",
    Ending.STOPPED: "stopped",
}


def _profile(outcome: RunOutcome) -> Any:
    stages, whole = outcome.desk.stages_s, outcome.desk.cpu_s or 1.0
    rest = max(0.0, outcome.desk.cpu_s - sum(stages.values()))
    rows = [(name, f"{seconds:.2f}", f"{seconds / whole:.0%}") for name, seconds in (stages | {"other": rest}).items()]
    return table(("stage", "CPU s", "share"), rows, right=("CPU s", "share"))


def _next(store: Store, job: JobRecord, outcome: RunOutcome) -> Iterable[str]:
    option = _database_option(store)
    yield f"database: {printable(store.file or 'PostgreSQL')}"
    if outcome.ending is not Ending.FINISHED:
        more = more_for(job, bill_of(store, job.id))
        yield f"continue: moodreel resume {short(job.id)}{more}{option}"
    elif outcome.counts.files_failed:
        yield f'what failed: moodreel query "SELECT * FROM problems"{option}'
        yield f"once mended: moodreel retry {short(job.id)}{option}"
    if outcome.counts.faces:
        yield f'ask it: moodreel query "SELECT dominant, count(*) FROM emotions GROUP BY 1"{option}'


def _as_json(store: Store, job: JobRecord, outcome: RunOutcome) -> dict[str, Any]:
    overview = Overview(store.engine)
    return {
        "job": job.id,
        "name": job.name,
        "ending": outcome.ending.value,
        "elapsed_s": round(outcome.elapsed_s, 3),
        "segments_run": outcome.desk.segments,
        "segments_reused": max(0, outcome.counts.done - outcome.desk.segments),
        "frames_run": outcome.desk.frames,
        "cpu_s": round(outcome.desk.cpu_s, 3),
        "stages_s": {name: round(seconds, 3) for name, seconds in outcome.desk.stages_s.items()},
        "unscored": outcome.desk.unscored,
        "counts": asdict(outcome.counts),
        "problems": overview.problem_count(job.id),
        "stop_reason": job.stop_reason,
        "bill": bill_json(bill_of(store, job.id), job),
        "database": str(store.file or "postgresql"),
    }
