"""From what a person asked to a job in the database."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata

from db.records import JobRecord, NewJob
from db.store import Store
from jobs.discover import Filters
from jobs.errors import UsageError
from jobs.manifest import Manifest
from jobs.request import CallLimits, RunRequest
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection import catalogue as detectors
from workers.errors import ModelError
from workers.models.catalogue import card_of
from workers.models.status import verify
from workers.remote import require_package
from workers.scoring import catalogue as scorers
from workers.services.catalogue import open_service, service_card
from workers.services.prices import price_of
from workers.services.rate import rate_in_force
from workers.settings import Settings
from workers.urls import check_url, is_url

RESERVED_NAMES = frozenset(("latest",))


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person typed, parsed but not yet checked against what is installed."""

    paths: Sequence[str]
    sampling: Sampling
    detector: DetectorSpec
    scorer: ScorerSpec
    filters: Filters
    name: str | None
    tags: Mapping[str, str]
    manifest: Manifest | None
    fleet: bool = False
    calls: CallLimits = field(default_factory=CallLimits)


def program_version() -> str:
    """The version of this program."""
    return metadata.version("moodreel")


def build_request(wish: Wish) -> RunRequest:
    """A request with absolute paths and the hashes of the models it will use. Raises UsageError, ModelError."""
    name = None if wish.name is None else wish.name.strip()
    if name == "" or name in RESERVED_NAMES:
        raise UsageError(f"a job cannot be named {wish.name!r}", "choose another --name, or leave it out")
    spec = AnalysisSpec(wish.sampling, detectors.resolve(wish.detector), scorers.resolve(wish.scorer))
    _require_models(spec)
    paths = [_absolute(path) for path in wish.paths]
    file_tags = wish.manifest.tags if wish.manifest else {}
    if not paths:
        paths = list(file_tags)
    if not paths:
        raise UsageError("no path was given", "name a folder or a file: moodreel run PATH...")
    for path in filter(is_url, paths):
        require_package(path)
    return RunRequest(
        paths=tuple(dict.fromkeys(paths)),
        analysis=spec,
        filters=wish.filters,
        name=name,
        tags=wish.tags,
        file_tags=file_tags,
        fleet=wish.fleet,
        calls=wish.calls,
    )


def _require_models(spec: AnalysisSpec) -> None:
    """Say now, not once a file, that a model is missing or damaged."""
    finds = () if spec.detector.name == detectors.SERVICE else (spec.detector.name,)
    needed = (*finds, scorers.scorers()[spec.scorer.name].model)
    for name in filter(None, needed):
        problem = verify(card_of(name)).problem
        if problem is not None:
            raise ModelError(problem.code, problem.reason, problem.hint)


def require_device(device: str) -> None:
    """Say now, not once a file, that models cannot run where they are asked to. Raises ModelError."""
    if device == "cuda":
        from workers.sessions.ort import require

        require(device)


def require_service(settings: Settings, request: RunRequest) -> None:
    """Say now that the service that is to score cannot be called with these settings. Raises SettingsError."""
    if service_card(request.analysis.scorer.name) is not None:
        with open_service(request.analysis, settings).service:
            price_of(request.analysis.scorer.name, settings.prices)
            rate_in_force(1.0, request.calls.rate, settings.rate)


def create_job(store: Store, request: RunRequest, submitter: str) -> JobRecord:
    """Store a request as a new job."""
    from uuid6 import uuid7

    new = NewJob(
        id=str(uuid7()),
        name=request.name,
        request_json=request.to_json(),
        video_analysis=request.analysis.record(),
        photo_analysis=request.analysis.for_photos().record(),
        program_version=program_version(),
        submitter=submitter,
        max_calls=request.calls.max_calls,
        max_cost=request.calls.max_cost,
    )
    return store.jobs.create(new)


def require_same_models(request: RunRequest) -> None:
    """Raise UsageError where this program would give other numbers than those the job was begun with."""
    begun = request.analysis
    now = AnalysisSpec(begun.sampling, detectors.resolve(begun.detector), scorers.resolve(begun.scorer))
    if now != begun:
        raise UsageError(
            "the job was begun with other models, or by a Moodreel whose numbers differ: it cannot be continued",
            "run it again as a new job; what both share is not analysed twice",
        )


def _absolute(path: str) -> bytes:
    if not path:
        raise UsageError("a path is empty", "check the variable that it comes from; `.` is the current folder")
    name = os.fsencode(path)
    if is_url(name):
        return check_url(name)
    return os.path.abspath(name)  # noqa: PTH100  names are bytes
