"""What the store should do, in plain Python: the oracle of the state machine test. No SQL, no store."""

from dataclasses import dataclass, field

Key = tuple[str, int]
"""A segment: the content it is of, and its ordinal."""


@dataclass
class ModelSegment:
    """One segment as it should be."""

    targets: int
    state: str = "queued"
    attempt: int = 0
    failures: int = 0
    max_failures: int = 3
    expiries: int = 0
    max_expiries: int = 10
    frames: int = 0
    rung: bool = False
    """A bell was sent for it since it was last queued."""


@dataclass
class ModelJob:
    """One job as it should be."""

    state: str = "discovering"
    contents: set[str] = field(default_factory=set)


@dataclass
class Model:
    """The whole store as it should be."""

    segments: dict[Key, ModelSegment] = field(default_factory=dict)
    jobs: dict[str, ModelJob] = field(default_factory=dict)

    def admit(self, job_id: str, content: str, segments: int, targets: int) -> None:
        """A file with this content in a job."""
        self.jobs[job_id].contents.add(content)
        for ordinal in range(segments):
            self.segments.setdefault((content, ordinal), ModelSegment(targets))

    def wanted(self, key: Key) -> bool:
        """Some job that is not cancelled asks for it."""
        return any(key[0] in job.contents and job.state != "cancelled" for job in self.jobs.values())

    def runnable(self, job_id: str | None) -> set[Key]:
        """What may be claimed, by anybody or for one job."""
        return {
            key
            for key, one in self.segments.items()
            if one.state == "queued" and self.wanted(key) and (job_id is None or key[0] in self.jobs[job_id].contents)
        }

    def claim(self, key: Key) -> int:
        """Returns the attempt."""
        one = self.segments[key]
        one.state = "running"
        one.attempt += 1
        return one.attempt

    def holds(self, key: Key, attempt: int) -> bool:
        """Whether this attempt still has the segment."""
        return self.segments[key].state == "running" and self.segments[key].attempt == attempt

    def commit(self, key: Key) -> None:
        """Its results are stored."""
        self.segments[key].state = "done"
        self.segments[key].frames = self.segments[key].targets

    def fail(self, key: Key, permanent: bool) -> None:
        """One failure more."""
        one = self.segments[key]
        one.failures += 1
        one.state = "failed" if permanent or one.failures >= one.max_failures else "queued"
        one.rung = False

    def expire(self, key: Key) -> None:
        """Its holder fell silent."""
        one = self.segments[key]
        one.expiries += 1
        one.state = "failed" if one.expiries >= one.max_expiries else "queued"
        one.rung = one.rung and one.state == "failed"

    def give_back(self, key: Key) -> None:
        """It was not tried."""
        self.segments[key].state = "queued"
        self.segments[key].rung = False

    def due(self) -> set[Key]:
        """What nobody was rung for."""
        return {key for key in self.runnable(None) if not self.segments[key].rung}

    def forget_bells(self) -> int:
        """The broker lost its memory; returns how many bells were lost."""
        lost = [one for one in self.segments.values() if one.state == "queued" and one.rung]
        for one in lost:
            one.rung = False
        return len(lost)

    def retry(self, job_id: str) -> int:
        """Returns how many failed segments are queued again."""
        job = self.jobs[job_id]
        failed = [one for key, one in self.segments.items() if key[0] in job.contents and one.state == "failed"]
        for one in failed:
            one.state = "queued"
            one.rung = False
            one.max_failures = one.failures + 3
            one.max_expiries = one.expiries + 10
        if failed:
            job.state = "discovering"
        return len(failed)
