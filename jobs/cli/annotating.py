"""`annotate`: the recordings themselves, with what was seen in them drawn upon every frame, or with faces covered."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli import options

if TYPE_CHECKING:
    from jobs.annotate.request import Failed, Made, Outcome
    from workers.drawing.work import Look

Folder = Annotated[
    str, typer.Option("--output", "-o", help="The folder to write to.", metavar="FOLDER", show_default=False)
]
Blur = Annotated[
    bool,
    typer.Option("--blur", help="Cover every face that was found instead. A face that was missed is not covered."),
]
Boxes = Annotated[bool, typer.Option("--boxes", help="With --blur: draw boxes, labels and bars as well.")]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="Leave the sound out: voices are not made anonymous.")]
Clock = Annotated[bool, typer.Option("--time", help="Show the time in a corner.")]
SheetsOnly = Annotated[bool, typer.Option("--sheets-only", help="Make the contact sheets of videos, and no more.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist; recordings never.")]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Recordings drawn side by side. Default: one a core.", metavar="N")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(annotate)


def annotate(
    job: options.Job,
    output: Folder,
    blur: Blur = False,
    boxes: Boxes = False,
    no_audio: NoAudio = False,
    clock: Clock = False,
    sheets_only: SheetsOnly = False,
    include: options.Include = None,
    exclude: options.Exclude = None,
    force: Force = False,
    workers: Workers = None,
    database: options.Database = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Write a job's videos and photos again, with a box, a label and eight bars at each face; and contact sheets.

    Videos keep every frame, its time and their sound. What was seen is held until the next frame that was looked at.
    The recordings are never changed; what cameras wrote into them (place, time, names) is not copied.
    """
    from jobs.annotate.job import annotate_job
    from jobs.annotate.request import AnnotateRequest
    from jobs.cli.working import open_store, settings_of
    from jobs.discover import Filters
    from jobs.progress import progress

    settings = settings_of(database, workers)
    asked = AnnotateRequest(
        folder=_folder(output),
        look=_look(boxes=boxes, blur=blur, clock=clock),
        filters=Filters(tuple(include or ()), tuple(exclude or ())),
        audio=not no_audio,
        sheets_only=sheets_only,
        force=force,
    )
    with open_store(settings) as store, progress(quiet=quiet, as_json=as_json) as display:
        outcome = annotate_job(store, store.jobs.find(job), settings, asked, display)
    _tell(outcome, asked.folder, quiet=quiet, as_json=as_json)


def _look(*, boxes: bool, blur: bool, clock: bool) -> "Look":
    from jobs.errors import UsageError
    from workers.drawing.work import Look

    if boxes and not blur:
        raise UsageError("--boxes without --blur: boxes are drawn anyway", "leave it out, or add --blur")
    return Look(boxes=boxes or not blur, blur=blur, clock=clock)


def _folder(output: str) -> Path:
    from jobs.errors import UsageError

    if not output.strip() or output == "-":
        raise UsageError("drawn recordings are written to a folder", "name one with --output")
    return Path(output)


def _tell(outcome: "Outcome", folder: Path, *, quiet: bool, as_json: bool) -> None:
    """Say what was made and what was not, and end with the code for it."""
    from jobs.cli.output import write_json
    from jobs.errors import ExitCode

    if as_json:
        write_json(_as_json(outcome))
    else:
        _say(outcome, folder, quiet=quiet)
    if not outcome.is_complete:
        raise typer.Exit(ExitCode.INTERRUPTED)
    raise typer.Exit(ExitCode.SOME_FAILED if outcome.failed else ExitCode.OK)


def _say(outcome: "Outcome", folder: Path, *, quiet: bool) -> None:
    from jobs.cli.output import say
    from jobs.words import numbered

    for failed in outcome.failed:
        what = failed.path if failed.file is None else str(failed.file)
        say(f"{what}: {failed.problem.reason} [{failed.problem.code}]")
        say(f"  hint: {failed.problem.hint}")
    if quiet:
        return
    for made in outcome.made:
        for note in made.notes:
            say(f"note: {made.path}: {note}")
    for note in outcome.notes:
        say(f"note: {note}")
    kinds = ("video", "photo", "sheet")
    counted = [numbered(sum(made.kind == kind for made in outcome.made), kind) for kind in kinds]
    say(f"{', '.join(counted)} written: {folder}" + ("" if outcome.is_complete else " (interrupted: not all)"))


def _as_json(outcome: "Outcome") -> dict[str, Any]:
    return {
        "written": [_made(one) for one in outcome.made],
        "failed": [_failed(one) for one in outcome.failed],
        "notes": list(outcome.notes),
        "complete": outcome.is_complete,
    }


def _made(made: "Made") -> dict[str, Any]:
    notes = list(made.notes)
    return {"path": made.path, "file": str(made.file), "kind": made.kind, "frames": made.frames, "notes": notes}


def _failed(failed: "Failed") -> dict[str, Any]:
    problem = failed.problem
    file = None if failed.file is None else str(failed.file)
    return {"path": failed.path, "file": file, "code": problem.code, "reason": problem.reason, "hint": problem.hint}
