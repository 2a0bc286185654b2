"""`jobs`, `status`, `cancel`: looking at requests, and taking them back; `forget` is registered beside them."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options
from jobs.cli.forget import forget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from db.records import JobRecord
    from db.store import Store
    from jobs.looking import Lookout
    from jobs.status import JobStatus, Wait
    from workers.settings import Settings

WATCH_EVERY_S = 1.0
LOOK_SHARE = 4
"""Looking again waits for this many times as long as looking takes: a big database has other things to do."""

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

    settings = _settings(database)
    with _store(settings) as store:
        listed = _lookout(settings, store).listing(None if every else LISTED)
    if as_json:
        write_json([one.line_json() for one in listed])
        return
    columns = ("job", "name", "state", "created (UTC)", "files", "failed", "frames", "faces", "frames/s", "left")
    console().print(table(columns, map(_cells, listed), right=columns[4:]))


def _cells(one: "JobStatus") -> tuple[object, ...]:
    from jobs.cli.summary import short
    from jobs.progress import duration

    counts = one.counts
    numbers = (counts.files, counts.files_failed, counts.frames, counts.faces)
    return (
        short(one.job.id),
        one.job.name,
        one.state,
        one.job.created_at,
        *(f"{number:,}" for number in numbers),
        None if one.pace is None else f"{one.pace.frames_per_s:.1f}",
        None if one.left_s is None else duration(one.left_s),
    )


def status(
    job: options.LatestJob = "latest",
    watch: Watch = False,
    database: options.Database = None,
    as_json: options.Json = False,
) -> None:
    """Show where a job stands."""
    from jobs.cli.output import write_json

    settings = _settings(database)
    with _store(settings) as store:
        record = store.jobs.find(job)
        if watch:
            watch_job(settings, store, record, quiet=False, as_json=as_json)
        now = _lookout(settings, store).at(record.id)
        if as_json:
            write_json(now.as_json())
            return
        _show(store, now)


def cancel(job: options.Job, database: options.Database = None) -> None:
    """Take a job back: what no other job wants is not started, what runs is stopped. `resume` undoes it."""
    from jobs.cli.output import say
    from jobs.cli.summary import short

    with _store(_settings(database)) as store:
        record = store.jobs.find(job)
        store.jobs.cancel(record.id)
        say(f"job {short(record.id)} is cancelled; `moodreel resume {short(record.id)}` takes it up again")


def _settings(database: str | None) -> "Settings":
    from jobs.logs import configure_plain
    from workers.settings import Settings

    settings = Settings.load(database_url=database)
    configure_plain(settings.log_level)
    return settings


def _store(settings: "Settings") -> "Store":
    from jobs.cli.working import open_store

    return open_store(settings)


def _lookout(settings: "Settings", store: "Store") -> "Lookout":
    from jobs.looking import Lookout

    return Lookout(store, settings.broker_url)


def watch_job(settings: "Settings", store: "Store", record: "JobRecord", *, quiet: bool, as_json: bool) -> None:
    """Show the progress of a job, whoever works on it, until nothing goes on in it any more."""
    from jobs.progress import Snapshot, progress

    lookout = _lookout(settings, store)
    said: str | None = None
    with progress(quiet=quiet, as_json=as_json) as display:
        while True:
            began = time.monotonic()
            now = lookout.at(record.id)
            walking = now.job.sealed_at is None
            display.show(Snapshot.from_outside(now.counts, now.pace, walking=walking, bill=now.bill))
            waits = None if now.waits_for is None else _waits(now.waits_for)
            if waits is not None and waits != said:
                display.say(waits)
            said = waits
            if now.is_over:
                return
            time.sleep(max(WATCH_EVERY_S, LOOK_SHARE * (time.monotonic() - began)))


def _show(store: "Store", now: "JobStatus") -> None:
    for line in _lines(now):
        print(line)  # without a console, which takes longer to load than all of these to be read
    # Nobody looks for problems where the counts say that there are none: there is much to look through.
    if now.counts.files_failed or now.counts.files_partial:
        _show_problems(store, now.job.id)


def _show_problems(store: "Store", job_id: str) -> None:
    from db.overview import Overview
    from jobs.cli.output import console
    from jobs.cli.summary import PROBLEMS_SHOWN, show_problems

    problems = Overview(store.engine).problems(job_id, PROBLEMS_SHOWN + 1)
    out = console()
    out.print()
    show_problems(out, problems)


def _lines(now: "JobStatus") -> "Iterator[str]":
    from jobs.cli.money import bill_lines, stop_lines
    from jobs.cli.output import printable
    from jobs.cli.summary import short

    counts = now.counts
    named = f" ({printable(now.job.name)})" if now.job.name else ""
    yield f"job {short(now.job.id)}{named}: {now.state}, created {now.job.created_at} UTC"
    yield (
        f"{counts.files:,} files: {counts.files_done:,} done, {counts.files_failed:,} failed, "
        f"{counts.files_partial:,} damaged or cut short; {counts.skipped:,} passed over"
    )
    yield (
        f"{counts.segments:,} segments: {counts.done:,} done, {counts.running:,} running, "
        f"{counts.queued:,} queued, {counts.failed:,} failed"
    )
    yield f"{counts.frames:,} of {counts.targets:,} frames, {counts.faces:,} faces{_speed(now)}"
    yield from bill_lines(now.bill, now.job)
    yield from stop_lines(now.job, now.bill, short(now.job.id))
    yield from _workers(now)
    if now.waits_for is not None:
        yield from _waits(now.waits_for).splitlines()


def _speed(now: "JobStatus") -> str:
    from jobs.progress import duration

    if now.pace is None:
        return ""
    real = f", {now.pace.times_real:.1f}x real time" if now.pace.times_real else ""
    left = "" if now.left_s is None else f", {duration(now.left_s)} left"
    return f"; {now.pace.frames_per_s:.1f} frames/s{real}{left}"


def _workers(now: "JobStatus") -> "Iterator[str]":
    from jobs.cli.output import printable
    from jobs.words import numbered

    if not now.workers:
        return
    paused = [one for one in now.workers if one.state == "paused"]
    slots = sum(one.concurrency for one in now.workers)
    resting = f"; {len(paused)} paused" if paused else ""
    yield f"{numbered(len(now.workers), 'worker')} with {numbered(slots, 'slot')}{resting}"
    for one in now.workers:
        if one.note:
            yield f"  {printable(one.host)}:{one.pid} {one.state}: {printable(one.note)}"


def _waits(wait: "Wait") -> str:
    from jobs.cli.output import printable

    line = f"waits for {wait.what}: {printable(wait.reason)}"
    return line if wait.hint is None else f"{line}\nhint: {printable(wait.hint)}"
