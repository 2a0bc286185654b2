"""Calls to paid services as values: opened before they leave, closed on receipt. Plain frozen data, no SQL."""

from dataclasses import dataclass

from db.states import CallOutcome

PaidKey = tuple[int, int, int]
"""A face as its answer is filed: segment, pts, number of the face in its frame."""


@dataclass(frozen=True, slots=True)
class CallOpening:
    """A call that is about to leave."""

    token: str
    """Unique text: tells this call from every other until the service has given it an id of its own."""
    job_id: str
    """Whom it is billed to."""
    scorer: str
    """The name of the service's scorer."""
    faces: int
    """Faces that travel with it; 0 where nobody has looked for them yet."""
    retry: int
    """0: the first try; else how many have gone before."""
    cost: float
    """US dollars that one transaction is expected to cost."""


@dataclass(frozen=True, slots=True)
class PaidAnswer:
    """What a service said of one face."""

    segment_id: int
    pts: int
    face: int
    scorer: str
    """The scorer that was asked, as the caller tells it from others that may be asked of the same segment."""
    answer_json: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a call ended, and the answers that it brought."""

    call_id: int
    outcome: CallOutcome
    http_status: int | None
    """None where nothing was heard."""
    transactions: int
    """What the service bills, as far as known."""
    cost: float
    """US dollars of all its transactions."""
    duration_s: float
    request_id: str | None
    """What the service calls it; None keeps the token."""
    answers: tuple[PaidAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Bill:
    """What a job has spent. A call of which nothing clear was heard is taken for one that was billed."""

    calls: int = 0
    """Requests that left, or are about to; refused ones and retries too."""
    answered: int = 0
    retries: int = 0
    """Those of the calls that went after another had failed."""
    throttled: int = 0
    transactions: int = 0
    cost: float = 0.0
    """US dollars."""
    in_flight: int = 0
    unclear: int = 0
    """Calls that may have been billed without giving a result: nobody heard how they ended."""
    faces: int = 0
    """Faces that travelled with the answered calls."""

    @property
    def unanswered(self) -> int:
        """Calls that ended without an answer, whatever the reason."""
        return self.calls - self.answered - self.in_flight
