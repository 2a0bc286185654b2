"""`run`, `resume`, `retry`: the commands that analyse here and now."""

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from jobs.cli import options
from jobs.cli.working import Show, run_new, run_on, settings_of

if TYPE_CHECKING:
    from jobs.control import RunOutcome
    from jobs.request import RunRequest
    from workers.settings import Settings

Paths = Annotated[list[str] | None, typer.Argument(metavar="PATH...", help="Folders and files.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be analysed; write nothing.")]
Profile = Annotated[bool, typer.Option("--profile", help="Say where the time went, by stage.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(resume)
    app.command()(retry)


def run(
    paths: Paths = None,
    every: options.Every = None,
    fps: options.Fps = None,
    every_frame: options.EveryFrame = False,
    keyframes: options.Keyframes = False,
    start: options.Start = None,
    end: options.End = None,
    detector: options.Detector = "yunet",
    max_side: options.MaxSide = 640,
    confidence: options.Confidence = 0.7,
    min_face: options.MinFace = 32,
    scorer: options.Scorer = "ferplus",
    include: options.Include = None,
    exclude: options.Exclude = None,
    manifest: options.Manifest = None,
    tag: options.Tag = None,
    name: options.Name = None,
    database: options.Database = None,
    workers: options.Workers = None,
    device: options.Device = None,
    dry_run: DryRun = False,
    profile: Profile = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Analyse photos and videos here and now, into a database.

    Exit status 1 says that some files failed: `moodreel query "SELECT * FROM problems"` tells which and why. What was
    analysed before is not analysed again, so an interrupted run goes on when it is run again.
    """
    from jobs.discover import Filters
    from jobs.manifest import read_manifest
    from jobs.parsing import parse_sampling, parse_tags
    from jobs.submit import Wish, build_request
    from workers.analysis import DetectorSpec, ScorerSpec

    settings = settings_of(database, workers, device)
    wish = Wish(
        paths=paths or [],
        sampling=parse_sampling(every, fps, every_frame, keyframes, start, end),
        detector=DetectorSpec(detector, max_side=max_side, confidence=confidence, min_face=min_face),
        scorer=ScorerSpec(scorer),
        filters=Filters(tuple(include or ()), tuple(exclude or ())),
        name=name,
        tags=parse_tags(tag or ()),
        manifest=None if manifest is None else read_manifest(manifest),
    )
    request = build_request(wish)
    if dry_run:
        _dry_run(settings, request, quiet=quiet, as_json=as_json)
    _exit(run_new(settings, request, Show(quiet, as_json, profile)))


def resume(
    job: options.Job,
    database: options.Database = None,
    workers: options.Workers = None,
    device: options.Device = None,
    profile: Profile = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Continue a job that was interrupted or cancelled: what is done stays done."""
    _exit(run_on(settings_of(database, workers, device), job, Show(quiet, as_json, profile)))


def retry(
    job: options.Job,
    database: options.Database = None,
    workers: options.Workers = None,
    device: options.Device = None,
    profile: Profile = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Try once more what failed in a job, and only that."""
    from jobs.cli.output import say

    outcome = run_on(settings_of(database, workers, device), job, Show(quiet, as_json, profile), only_failed=True)
    if outcome is None:
        say("nothing has failed in this job")
        return
    _exit(outcome)


def _exit(outcome: "RunOutcome | None") -> NoReturn:
    from jobs.cli.summary import exit_code

    assert outcome is not None  # noqa: S101  only a retry may find nothing to do
    raise typer.Exit(exit_code(outcome))


def _dry_run(settings: "Settings", request: "RunRequest", *, quiet: bool, as_json: bool) -> NoReturn:
    from jobs.cli.summary import show_preview
    from jobs.embedded import preview
    from jobs.progress import progress

    with progress(quiet=quiet, as_json=as_json) as display, preview(settings, request, display) as plan:
        show_preview(plan, as_json=as_json)
        raise typer.Exit(1 if plan.counts.files_failed else 0)
