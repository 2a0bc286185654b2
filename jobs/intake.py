"""Files on their way into a job: found by a walk, probed by a child, hashed, admitted to the database in batches.

The owner turns the crank (`advance`) and carries probe batches to the children; nothing here blocks for long, so
that analysis starts while the walk goes on.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from db.records import FileIdentity, JobFile, JobRecord, Problem
from db.store import Store
from jobs.discover import Discovery, Found, Passed, Refused, discover, revisit
from jobs.entries import EMPTY, NOTHING_FOUND, job_file_of, not_media
from jobs.naming import NamedAsWalked, Naming
from jobs.request import RunRequest
from workers.hashing import sha256_of
from workers.messages import ProbeBatch, ProbeResult, ProbeWork

PROBE_BATCH = 8
LOOK_UP_BATCH = 64
WALK_AHEAD = 64
"""Files waiting for a probe at most: the walk keeps just ahead of the children."""
HASH_AHEAD = 256
ADMIT_BATCH = 64
ADMIT_EVERY_S = 0.3
TURN_S = 0.05
PROBE_TRIES = 3


Places = Sequence[tuple[bytes, bytes]]
"""Roots and relative paths."""


@dataclass(frozen=True, slots=True)
class _Hashing:
    found: Found
    result: ProbeResult | None
    digest: "Future[str | Problem]"


class Intake:
    """One walk into one job, over all it asked for or over certain `places` of it again.

    A walk may be repeated: what is in the job already is passed over.
    """

    def __init__(
        self,
        store: Store,
        job: JobRecord,
        request: RunRequest,
        places: Places | None = None,
        naming: Naming | None = None,
    ) -> None:
        self._store = store
        self._job = job
        self._request = request
        self._naming = naming or NamedAsWalked()
        self._walk: Iterator[Discovery] | None = (
            discover(request.paths, request.filters) if places is None else revisit(places, request.filters)
        )
        self._met: list[Found] = []
        self._to_probe: deque[Found] = deque()
        self._probing: dict[bytes, Found] = {}
        self._tries: dict[bytes, int] = {}
        self._hashing: list[_Hashing] = []
        self._ready: list[JobFile] = []
        self._digests: list[tuple[FileIdentity, str]] = []
        self._own = _own_files(store)
        self.unmatched = set(request.file_tags)
        """Files that the manifest speaks of and the walk has not met."""
        self._last_admission = time.monotonic()
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="hash")
        self._stopped = threading.Event()
        self.skipped = 0
        """Files passed over so far: no media by content nor by name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def walking(self) -> bool:
        """Whether there may be files we have not seen."""
        return self._walk is not None

    @property
    def eager(self) -> bool:
        """Whether `advance` has more to do at once: files to walk, and room for what they hold."""
        return self.walking and self._has_room

    @property
    def _has_room(self) -> bool:
        return len(self._to_probe) < WALK_AHEAD and len(self._hashing) < HASH_AHEAD

    @property
    def finished(self) -> bool:
        """Every file was admitted, refused or passed over."""
        return not (self._unsettled or self._ready)

    @property
    def _unsettled(self) -> bool:
        return bool(self.walking or self._met or self._to_probe or self._probing or self._hashing)

    def advance(self) -> None:
        """Walk on, collect hashes, admit what is ready; a few hundredths of a second."""
        until = time.monotonic() + TURN_S
        while self._walk is not None and self._has_room and time.monotonic() < until:
            self._step(self._walk)
            if len(self._met) >= LOOK_UP_BATCH:
                self._look_up()
        self._look_up()
        self._collect()
        self._admit()

    def _collect(self) -> None:
        """Take what is hashed, in whatever order: a film of many gigabytes keeps no photo behind it waiting."""
        waiting, self._hashing = self._hashing, []
        for one in waiting:
            if one.digest.done():
                self._hashed(one)
            else:
                self._hashing.append(one)

    def take_probe(self) -> ProbeBatch | None:
        """A batch of files for a child to probe, if any wait. Files that failed before go alone."""
        batch: list[Found] = []
        while self._to_probe and len(batch) < PROBE_BATCH:
            alone = self._tries.get(self._to_probe[0].identity.path, 0) > 0
            if alone and batch:
                break
            batch.append(self._to_probe.popleft())
            if alone:
                break
        for found in batch:
            self._probing[found.identity.path] = found
        work = tuple(ProbeWork(found.identity, self._request.analysis) for found in batch)
        return ProbeBatch(work) if work else None

    def probed(self, work: ProbeWork, result: ProbeResult) -> None:
        """A child has probed a file."""
        found = self._probing.pop(work.source.path)
        if result.facts is not None:
            self._hash(found, result)
        elif found.claims_media:
            self._refuse(found, not_media(found))
        else:
            self._skip()

    def probe_failed(self, work: ProbeWork, problem: Problem) -> None:
        """A child could not probe a file, or died over it."""
        found = self._probing.pop(work.source.path)
        if problem.code in _UNKNOWABLE and not found.claims_media:
            self._skip()
            return
        tries = self._tries[work.source.path] = self._tries.get(work.source.path, 0) + 1
        if problem.permanent or tries >= PROBE_TRIES:
            self._refuse(found, problem)
        else:
            self._to_probe.appendleft(found)

    def probe_untouched(self, work: ProbeWork) -> None:
        """A file was in a batch that ended before its turn."""
        self._to_probe.appendleft(self._probing.pop(work.source.path))

    def _step(self, walk: Iterator[Discovery]) -> None:
        match next(walk, None):
            case None:
                self._walk = None
            case Passed():
                self._skip()
            case Refused(root, relative, problem):
                self.unmatched.discard(os.path.join(root, relative))  # noqa: PTH118  names are bytes
                self._ready.append(self._entry(root, relative, problem=problem))
            case Found() as found:
                self.unmatched.discard(found.identity.path)
                self._meet(found)

    def _meet(self, found: Found) -> None:
        if found.identity.path in self._own:
            self._skip()
        elif found.identity.size == 0:
            self._empty(found)
        elif (refusal := self._naming.refusal(found.root, found.relative)) is not None:
            self._refuse(found, refusal)
        else:
            self._met.append(found)

    def _look_up(self) -> None:
        """Take what an earlier walk has hashed and planned already; everything else is probed."""
        met, self._met = self._met, []
        if not met:
            return
        known = self._store.intake.planned(
            [found.identity for found in met], self._job.video_analysis_id, self._job.photo_analysis_id
        )
        for found in met:
            if found.identity.path in known:
                self._accept(found, known[found.identity.path], None)
            else:
                self._to_probe.append(found)

    def _empty(self, found: Found) -> None:
        if found.claims_media:
            self._refuse(found, EMPTY)
        else:
            self._skip()

    def _is_planned(self, sha256: str) -> bool:
        known = self._store.intake.known(sha256, self._job.video_analysis_id, self._job.photo_analysis_id)
        return known is not None and known.analysed

    def _hash(self, found: Found, result: ProbeResult) -> None:
        self._hashing.append(
            _Hashing(found, result, self._pool.submit(sha256_of, found.identity, self._stopped.is_set))
        )

    def _hashed(self, waiting: _Hashing) -> None:
        digest = waiting.digest.result()
        if isinstance(digest, Problem):
            self._refuse(waiting.found, digest)
            return
        self._digests.append((waiting.found.identity, digest))
        self._accept(waiting.found, digest, None if self._is_planned(digest) else waiting.result)

    def _accept(self, found: Found, sha256: str, result: ProbeResult | None) -> None:
        file = self._entry(found.root, found.relative, found)
        if result is not None:
            file = replace(file, facts=result.facts, segments=result.segments)
        self._ready.append(replace(file, sha256=sha256))

    def _refuse(self, found: Found, problem: Problem) -> None:
        self._ready.append(self._entry(found.root, found.relative, found, problem))

    def _entry(
        self, root: bytes, relative: bytes, found: Found | None = None, problem: Problem | None = None
    ) -> JobFile:
        """A walked path as it is stored, with its tags."""
        tags = self._request.tags_of(os.path.join(root, relative))  # noqa: PTH118  names are bytes
        entry = job_file_of(root, relative, found=found, tags=tags, problem=problem)
        stored_root, stored_relative = self._naming.stored(root, relative)
        return replace(entry, root=stored_root, relative=stored_relative)

    def _skip(self) -> None:
        self.skipped += 1

    def _admit(self) -> None:
        due = len(self._ready) >= ADMIT_BATCH or time.monotonic() - self._last_admission > ADMIT_EVERY_S
        if not self._ready or not (due or not self._unsettled):
            return
        self._store.intake.remember_hashes(self._digests)
        self._digests.clear()
        batch, self._ready = self._ready, []
        self._store.intake.admit(self._job.id, batch)
        self._last_admission = time.monotonic()

    def admit_nothing_found(self) -> None:
        """When a whole walk met nothing to analyse, say so for every path that was named: silence is no answer."""
        for path in self._request.paths:
            self._ready.append(replace(self._entry(path, b"", problem=NOTHING_FOUND), tags={}))
        self._admit()


_UNKNOWABLE = frozenset(("media.changed", "media.vanished", "media.unreadable"))
"""What hinders a look at the content: where the name claims no media either, nothing says that this is any."""


def _own_files(store: Store) -> frozenset[bytes]:
    """The database and what lies beside it, in case it lies in the folder that is walked."""
    if store.file is None:
        return frozenset()
    name = os.fsencode(store.file.absolute())
    return frozenset(name + suffix for suffix in (b"", b"-journal", b"-wal", b"-shm", b".lock"))
