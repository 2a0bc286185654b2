"""Files on their way into a job: found by a walk, fetched if need be, probed by a child, hashed, admitted in batches.

The owner turns the crank (`advance`) and carries probe batches to the children; nothing here blocks for long, so
that analysis starts while the walk goes on.
"""

import os
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from db.records import FileIdentity, JobFile, JobRecord, Problem
from db.store import Store
from jobs.candidates import Candidate, ProbeQueue
from jobs.contents import Contents
from jobs.discover import Discovery, Found, NotYet, Passed, Refused, discover, revisit
from jobs.discover_remote import RemoteWalk
from jobs.entries import EMPTY, NOTHING_FOUND, job_file_of, not_media
from jobs.naming import NamedAsWalked, Naming
from jobs.request import RunRequest
from workers.cache import Staged
from workers.messages import ProbeBatch, ProbeResult, ProbeWork
from workers.staging import Staging
from workers.urls import is_url

LOOK_UP_BATCH = 64
WALK_AHEAD = 64
"""Files waiting for a probe at most: the walk keeps just ahead of the children."""
ADMIT_BATCH = 64
ADMIT_EVERY_S = 1.0
"""How long a file waits for others while the children have enough to do."""
TURN_S = 0.05
PROBE_TRIES = 3


Places = Sequence[tuple[bytes, bytes]]
"""Roots and relative paths."""


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
        staging: Staging | None = None,
    ) -> None:
        self._store = store
        self._job = job
        self._request = request
        self._naming = naming or NamedAsWalked()
        self._contents = Contents()
        self._staging = staging
        # A fleet holds every file against its media roots, which links may lead about in.
        filters = replace(request.filters, follow_links=request.filters.follow_links or request.fleet)
        elsewhere = None if staging is None else RemoteWalk(staging.remote, filters)
        self._walk: Generator[Discovery] | None = (
            discover(request.paths, filters, elsewhere)
            if places is None
            else revisit(places, request.paths, filters, elsewhere)
        )
        self._pausing = False
        self._met: list[Found] = []
        self._probes = ProbeQueue(request.analysis)
        self._ready: list[JobFile] = []
        self._digests: list[tuple[FileIdentity, str]] = []
        self._own = _own_files(store)
        self.unmatched = set(request.file_tags)
        """Files that the manifest speaks of and the walk has not met."""
        self._last_admission = time.monotonic()
        self._hurried = True
        self.skipped = 0
        """Files passed over so far: no media by content nor by name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._walk is not None:
            self._walk.close()
        self._contents.close()
        self._probes.close()

    @property
    def walking(self) -> bool:
        """Whether there may be files we have not seen."""
        return self._walk is not None

    @property
    def eager(self) -> bool:
        """Whether `advance` has more to do at once: files to walk, and room for what they hold."""
        return self.walking and self._has_room and not self._pausing

    @property
    def _has_room(self) -> bool:
        return len(self._probes) < WALK_AHEAD and self._contents.has_room

    @property
    def finished(self) -> bool:
        """Every file was admitted, refused or passed over."""
        return not (self._unsettled or self._ready)

    @property
    def _unsettled(self) -> bool:
        return bool(self.walking or self._met or self._contents.busy or self._probes.busy)

    def advance(self) -> bool:
        """Walk on, collect what was fetched and hashed, admit what is ready; a few hundredths of a second.

        Returns whether anything was admitted. Raises MachineFault where nothing can be fetched to this machine.
        """
        until = time.monotonic() + TURN_S
        self._pausing = False
        while self._walk is not None and self._has_room and not self._pausing and time.monotonic() < until:
            self._step(self._walk)
            if len(self._met) >= LOOK_UP_BATCH:
                self._look_up()
        self._look_up()
        self._collect()
        return self._admit()

    def _collect(self) -> None:
        for found, there in self._contents.fetched():
            self._fetched(found, there)
        for found, result, digest in self._contents.hashed():
            if isinstance(digest, Problem):
                self._refuse(found, digest)
                continue
            self._digests.append((found.identity, digest))
            self._accept(found, digest, result)  # where it is planned already, that stands

    def hurry(self) -> None:
        """Somebody has nothing to do: what is ready is admitted at once, alone if need be."""
        self._hurried = True

    def take_probe(self) -> ProbeBatch | None:
        """A batch of files for a child to probe, if any wait. Files that failed before go alone."""
        return self._probes.take()

    def probed(self, work: ProbeWork, result: ProbeResult) -> None:
        """A child has probed a file."""
        candidate = self._probes.returned(work)
        candidate.release()
        found = candidate.found
        if result.facts is None:
            if found.claims_media:
                self._refuse(found, not_media(found))
            else:
                self._skip()
        elif candidate.staged is not None:
            self._accept(found, candidate.staged.sha256, result)
        else:
            self._contents.hash(found, result)

    def probe_failed(self, work: ProbeWork, problem: Problem) -> None:
        """A child could not probe a file, or died over it."""
        candidate = self._probes.returned(work)
        candidate.tries += 1
        unknowable = problem.code in _UNKNOWABLE and not candidate.found.claims_media
        if not (unknowable or problem.permanent or candidate.tries >= PROBE_TRIES):
            self._probes.again(candidate)
            return
        candidate.release()
        if unknowable:
            self._skip()
        else:
            self._refuse(candidate.found, problem)

    def probe_untouched(self, work: ProbeWork) -> None:
        """A file was in a batch that ended before its turn."""
        self._probes.again(self._probes.returned(work))

    def _step(self, walk: Generator[Discovery]) -> None:
        match next(walk, None):
            case None:
                self._walk = None
            case NotYet():
                self._pausing = True
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
        urls = [found.identity for found in met if is_url(found.identity.path) and found.identity.path not in known]
        read = self._store.intake.remembered(urls) if urls else {}
        for found in met:
            if found.identity.path in known:
                self._accept(found, known[found.identity.path], None)
            elif self._staging is not None and is_url(found.identity.path):
                self._contents.fetch(self._staging, found, read.get(found.identity.path))
            else:
                self._probes.add(Candidate(found))

    def _fetched(self, found: Found, there: Staged | Problem) -> None:
        if isinstance(there, Problem):
            self._refuse(found, there)
            return
        self._digests.append((found.identity, there.sha256))
        if self._is_planned(there.sha256):
            there.release()
            self._accept(found, there.sha256, None)
        else:
            self._probes.add(Candidate(found, there))

    def _empty(self, found: Found) -> None:
        if found.claims_media:
            self._refuse(found, EMPTY)
        else:
            self._skip()

    def _is_planned(self, sha256: str) -> bool:
        known = self._store.intake.known(sha256, self._job.video_analysis_id, self._job.photo_analysis_id)
        return known is not None and known.analysed

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

    def _admit(self) -> bool:
        late = time.monotonic() - self._last_admission > ADMIT_EVERY_S
        due = self._hurried or late or len(self._ready) >= ADMIT_BATCH
        if not self._ready or not (due or not self._unsettled):
            return False
        self._store.intake.remember_hashes(self._digests)
        self._digests.clear()
        batch, self._ready = self._ready, []
        self._store.intake.admit(self._job.id, batch)
        self._last_admission = time.monotonic()
        self._hurried = False
        return True

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
