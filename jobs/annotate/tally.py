"""How far a drawing is: counted by the threads that draw, shown by the one that waits."""

import time
from collections.abc import Mapping
from threading import Lock

from db.job_records import JobCounts
from jobs.progress import Snapshot


class Tally:
    """Counts recordings and their pictures; `expected` says how many pictures each recording has."""

    def __init__(self, expected: Mapping[int, int]) -> None:
        self._expected = expected
        self._done: dict[int, int] = {}
        self._settled: dict[int, bool] = {}
        self._lock = Lock()
        self._started_s = time.monotonic()

    def report(self, number: int, pictures: int) -> None:
        """So many pictures of a recording are drawn."""
        with self._lock:
            self._done[number] = pictures

    def settle(self, number: int, *, well: bool) -> None:
        """Nothing more is drawn of a recording."""
        with self._lock:
            self._settled[number] = well
            self._done[number] = self._expected[number]

    @property
    def is_complete(self) -> bool:
        """Whether every recording is settled."""
        return len(self._settled) == len(self._expected)

    def snapshot(self) -> Snapshot:
        """Where it stands, as a run would say it."""
        with self._lock:
            pictures, failed = sum(self._done.values()), sum(not well for well in self._settled.values())
            done = len(self._settled) - failed
        files, left = len(self._expected), len(self._expected) - done - failed
        counts = JobCounts(
            files=files,
            files_failed=failed,
            files_partial=0,
            files_done=done,
            skipped=0,
            segments=files,
            queued=left,
            running=0,
            done=done,
            failed=failed,
            targets=sum(self._expected.values()),
            frames=pictures,
            faces=0,
            media_s=0.0,
            media_done_s=0.0,
        )
        return Snapshot(counts, False, pictures, 0.0, time.monotonic() - self._started_s)
