"""`jobs`, `status`, `cancel`: looking at requests, and taking them back; `forget` is registered beside them."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli import options
from jobs.cli.forget import forget

if TYPE_CHECKING:
    from db.records import JobLine, JobRecord
    from db.store import Store
    from jobs.status import JobStatus

WATCH_EVERY_S = 1.0

Watch = Annotated[bool, typer.Option("--watch", help="Keep looking until it is finished.")]
All = Annotated[bool, typer.Option("--all", help="Every job, not only the newest twenty.")]
LISTED = 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("jobs")(jobs)
    app.command()(status)
    app.command()(cancel)
    app.command()(forget)


def jobs(every: All = False, database: options.Database = None, as_json: options.Json = False) -> None:
    """List the jobs of a database, newest first."""
    from jobs.cli.output import console, table, write_json
    from jobs.cli.summary import short
    from jobs.status import state_of, worked_on

    with _store(database) as store:
        working = worked_on(store)
        lines = store.jobs.listing(None if every else LISTED)
    states = [state_of(line.job, line.left, line.files_failed, worked_on=working) for line in lines]
    if as_json:
        write_json([_as_json(line, state) for line, state in zip(lines, states, strict=True)])
        return
    rows = [
        (
            short(line.job.id),
            line.job.name,
            state,
            line.job.created_at,
            f"{line.files:,}",
            f"{line.files_failed:,}",
            f"{line.frames:,}",
            f"{line.faces:,}",
        )
        for line, state in zip(lines, states, strict=True)
    ]
    columns = ("job", "name", "state", "created (UTC)", "files", "failed", "frames", "faces")
    console().print(table(columns, rows, right=("files", "failed", "frames", "faces")))


def _as_json(line: "JobLine", state: str) -> dict[str, Any]:
    """A job in the shape of `status --json`, with the counts that a list has."""
    counts = ("files", "files_failed", "segments", "left", "done", "failed", "frames", "faces")
    return {
        "job": line.job.id,
        "name": line.job.name,
        "state": state,
        "created_at": line.job.created_at,
        "sealed_at": line.job.sealed_at,
        "program_version": line.job.program_version,
        "counts": {name: getattr(line, name) for name in counts} | {"skipped": line.job.skipped},
    }


def status(
    job: options.LatestJob = "latest",
    watch: Watch = False,
    database: options.Database = None,
    as_json: options.Json = False,
) -> None:
    """Show where a job stands."""
    from jobs.cli.output import write_json

    with _store(database) as store:
        record = store.jobs.find(job)
        if watch:
            _watch(store, record, as_json=as_json)
        now = _status(store, store.jobs.get(record.id))
        if as_json:
            write_json(now.as_json())
            return
        _show(store, now)


def cancel(job: options.Job, database: options.Database = None) -> None:
    """Take a job back: what no other job wants is not started, what runs is stopped. `resume` undoes it."""
    from jobs.cli.output import say
    from jobs.cli.summary import short

    with _store(database) as store:
        record = store.jobs.find(job)
        store.jobs.cancel(record.id)
        say(f"job {short(record.id)} is cancelled; `moodreel resume {short(record.id)}` takes it up again")


def _store(database: str | None) -> "Store":
    from jobs.cli.working import open_store, settings_of

    return open_store(settings_of(database))


def _status(store: "Store", record: "JobRecord") -> "JobStatus":
    from jobs.status import status_of

    return status_of(store, record)


def _watch(store: "Store", record: "JobRecord", *, as_json: bool) -> None:
    from jobs.progress import Snapshot, progress

    started = time.monotonic()
    before = store.jobs.counts(record.id)
    with progress(quiet=False, as_json=as_json) as display:
        while True:
            now = _status(store, store.jobs.get(record.id))
            done = now.counts.frames - before.frames
            media_s = now.counts.media_done_s - before.media_done_s
            walking = now.job.sealed_at is None
            display.show(Snapshot(now.counts, walking, done, media_s, time.monotonic() - started))
            if now.state not in ("running", "discovering"):
                return
            time.sleep(WATCH_EVERY_S)


def _show(store: "Store", now: "JobStatus") -> None:
    from db.overview import Overview
    from jobs.cli.output import console, printable
    from jobs.cli.summary import PROBLEMS_SHOWN, short, show_problems

    counts, out = now.counts, console()
    named = f" ({printable(now.job.name)})" if now.job.name else ""
    out.print(f"job {short(now.job.id)}{named}: {now.state}, created {now.job.created_at} UTC")
    out.print(
        f"{counts.files:,} files: {counts.files_done:,} done, {counts.files_failed:,} failed, "
        f"{counts.files_partial:,} damaged or cut short; {counts.skipped:,} passed over"
    )
    out.print(
        f"{counts.segments:,} segments: {counts.done:,} done, {counts.running:,} running, "
        f"{counts.queued:,} queued, {counts.failed:,} failed"
    )
    out.print(f"{counts.frames:,} of {counts.targets:,} frames, {counts.faces:,} faces")
    problems = Overview(store.engine).problems(now.job.id, PROBLEMS_SHOWN + 1)
    if problems:
        out.print()
        show_problems(out, problems)
