"""Where a recording lies on this machine, found and proven as a run does it; remote ones are brought here first."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache

from db.places import absolute
from db.records import ClaimedSegment, Fence, FileIdentity, JobRecord, Location, Problem, SegmentSpec
from db.report import ReportFile
from jobs.annotate.asking import Recording
from jobs.status import is_fleet
from workers.mounts import Mounts
from workers.places import Coming, NamedPlaces, Places, RootedPlaces
from workers.roots import MediaRoots, parse_roots
from workers.settings import Settings
from workers.staging import staging_of
from workers.urls import is_url

LOOK_EVERY_S = 0.1


class Finder:
    """Finds the recordings of one job; any thread may ask."""

    def __init__(self, places: Places, files: Sequence[ReportFile], job_id: str) -> None:
        self._places = places
        self._job_id = job_id
        self._locations = _by_content(files)

    @contextmanager
    def found(self, number: int, recording: Recording, stopped: Callable[[], bool]) -> Iterator[FileIdentity | Problem]:
        """The file, which stays as long as the body; or why there is none. Raises MachineFault, InterruptedError.

        `number` tells apart who asks at the same time.
        """
        claim = self._claim(number, recording)
        try:
            found = self._places.find(claim)
            while isinstance(found, Coming):
                if stopped():
                    raise InterruptedError
                time.sleep(LOOK_EVERY_S)
                found = self._places.find(claim)
            yield found
        finally:
            self._places.release((claim.fence,))

    def _claim(self, number: int, recording: Recording) -> ClaimedSegment:
        """As if a segment of it were claimed: places know nothing else to look for."""
        file, media = recording.file, recording.file.media
        assert media is not None  # noqa: S101  narrows the type
        own = _location(file)
        others = (place for place in self._locations[media.sha256] if place != own)
        return ClaimedSegment(
            fence=Fence(number, 0),
            media_analysis_id=recording.media_analysis_id,
            spec=SegmentSpec(0),
            failures=0,
            media_id=0,
            sha256=media.sha256,
            size_bytes=file.size,
            facts=recording.facts,
            root=file.root,
            relative=file.relative,
            path=file.path,
            mtime_ns=file.mtime_ns,
            analysis_id=0,
            spec_json="",
            job_id=self._job_id,
            locations=(own, *others),
        )


@contextmanager
def places_of(job: JobRecord, settings: Settings) -> Iterator[Places]:
    """Where a job's recordings lie: where its walk met them, or below the media roots of this machine."""
    with staging_of(settings) as staging:
        if is_fleet(job):
            roots = parse_roots(settings.media_roots or "")
            yield RootedPlaces(roots, Mounts(roots), staging)
        else:
            yield NamedPlaces(staging)


def local_paths(files: Sequence[ReportFile], job: JobRecord, settings: Settings) -> Callable[[], frozenset[bytes]]:
    """Gives the real paths of a job's recordings on this machine; found out when first asked, and once."""
    roots = parse_roots(settings.media_roots or "") if is_fleet(job) else None

    @cache
    def found() -> frozenset[bytes]:
        paths = (_path(file, roots) for file in files)
        return frozenset(os.path.realpath(path) for path in paths if path is not None)

    return found


def _path(file: ReportFile, roots: MediaRoots | None) -> bytes | None:
    """Where a file lies here; None where it does not."""
    if roots is None:
        return None if is_url(file.root) else absolute(file.root, file.relative)
    found = roots.locate(_location(file))
    return None if isinstance(found, Problem) or is_url(found) else found


def _by_content(files: Sequence[ReportFile]) -> Mapping[str, list[Location]]:
    """Every place of the job that holds a content."""
    found: dict[str, list[Location]] = {}
    for file in files:
        if file.media is not None:
            found.setdefault(file.media.sha256, []).append(_location(file))
    return found


def _location(file: ReportFile) -> Location:
    return Location(file.root, file.relative, file.path, file.size, file.mtime_ns)
