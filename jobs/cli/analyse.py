"""`run`, `resume`, `retry`: the commands that analyse here and now."""

from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options

if TYPE_CHECKING:
    from db.records import JobRecord
    from db.store import Store
    from jobs.request import RunRequest
    from workers.settings import Settings

PATIENCE_S = 10.0

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
    _analyse_new(settings, request, quiet=quiet, as_json=as_json, profile=profile)


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
    settings = settings_of(database, workers, device)
    with open_store(settings) as store:
        record = store.jobs.find(job)
        _continue(settings, store, record, quiet=quiet, as_json=as_json, profile=profile)


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
    from jobs.lock import run_lock

    settings = settings_of(database, workers, device)
    with open_store(settings) as store:
        record = store.jobs.find(job)
        with run_lock(store.file):
            again = store.jobs.retry(record.id)
        if not again:
            say("nothing has failed in this job")
            return
        _continue(settings, store, store.jobs.get(record.id), quiet=quiet, as_json=as_json, profile=profile)


def settings_of(database: str | None, workers: int | None = None, device: str | None = None) -> "Settings":
    """The settings in force, with logging and the model cache set up accordingly."""
    from jobs.logs import configure
    from workers.settings import Settings

    settings = Settings.load(database_url=database, workers=workers, device=device)
    configure(settings.log_level)
    settings.share_model_cache()
    return settings


def open_store(settings: "Settings", *, create: bool = False) -> "Store":
    """The database, for somebody who waits at the keyboard: a busy one is given up on after a few seconds."""
    from db.store import Store

    return Store.open(settings.database_url, create=create, patience_s=PATIENCE_S)


def _analyse_new(settings: "Settings", request: "RunRequest", *, quiet: bool, as_json: bool, profile: bool) -> None:
    from jobs.lock import run_lock
    from jobs.run import owner_name
    from jobs.submit import create_job

    with open_store(settings, create=True) as store, run_lock(store.file):
        job = create_job(store, request, owner_name())
        _work(settings, store, job, request, quiet=quiet, as_json=as_json, profile=profile)


def _continue(
    settings: "Settings", store: "Store", job: "JobRecord", *, quiet: bool, as_json: bool, profile: bool
) -> None:
    from jobs.lock import run_lock
    from jobs.request import RunRequest
    from jobs.submit import require_same_models

    request = RunRequest.from_json(job.request_json)
    require_same_models(request)
    with run_lock(store.file):
        store.jobs.revive(job.id)
        _work(settings, store, store.jobs.get(job.id), request, quiet=quiet, as_json=as_json, profile=profile)


def _work(
    settings: "Settings",
    store: "Store",
    job: "JobRecord",
    request: "RunRequest",
    *,
    quiet: bool,
    as_json: bool,
    profile: bool,
) -> None:
    from jobs.cli.summary import exit_code, show_summary
    from jobs.embedded import analyse
    from jobs.progress import progress

    with progress(quiet=quiet, as_json=as_json) as display:
        outcome = analyse(settings, store, job, request, display)
    if not quiet:
        show_summary(store, store.jobs.get(job.id), outcome, as_json=as_json, profile=profile)
    raise typer.Exit(exit_code(outcome))


def _dry_run(settings: "Settings", request: "RunRequest", *, quiet: bool, as_json: bool) -> None:
    from jobs.cli.summary import show_preview
    from jobs.embedded import preview
    from jobs.progress import progress

    with progress(quiet=quiet, as_json=as_json) as display, preview(settings, request, display) as plan:
        show_preview(plan, as_json=as_json)
        raise typer.Exit(1 if plan.counts.files_failed else 0)
