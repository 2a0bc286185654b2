"""`tracks`: who is who in the videos of a job, assigned once more."""

from typing import Annotated

import typer

from jobs.cli import options

Gap = Annotated[
    str | None,
    typer.Option(
        "--gap",
        help="How long a face may be out of sight within one track: 3s, 500ms. Default: MOODREEL_TRACK_GAP_S, or 2s, "
        "or three times the time between frames if that is more.",
        metavar="DURATION",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(tracks)


def tracks(job: options.Job, gap: Gap = None, database: options.Database = None, as_json: options.Json = False) -> None:
    """Assign the tracks of a job's videos anew, with another gap.

    No video is opened, and what faces looked like was forgotten when tracks were first assigned: a shorter gap splits
    the tracks that there are, a longer one joins some by where faces were and how they moved.
    """
    from dataclasses import asdict

    from jobs.cli.output import say, write_json
    from jobs.cli.working import open_store, settings_of
    from jobs.embedded import stoppable
    from jobs.errors import ExitCode
    from jobs.lock import run_lock
    from jobs.parsing import parse_duration
    from jobs.tracks import assign_anew, void_claims
    from jobs.words import numbered

    gap_s = None if gap is None else float(parse_duration(gap))
    settings = settings_of(database)
    with open_store(settings) as store, run_lock(store.file), stoppable() as stop:
        void_claims(store)
        done = assign_anew(store, store.jobs.find(job).id, gap_s, settings.track_gap_s, stop)
    counts = done.counts
    if as_json:
        write_json(asdict(counts) | {"waiting": done.waiting})
    else:
        say(f"{numbered(counts.tracks, 'track')} in {numbered(counts.videos, 'video')}")
    if done.waiting and not as_json:
        say(f"{numbered(done.waiting, 'video')} left to others, or to `moodreel resume`")
    if stop.level:
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(ExitCode.SOME_FAILED if counts.failed else ExitCode.OK)
