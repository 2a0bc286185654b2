"""What a service that scores faces is: what goes in, what comes out, what it can refuse. Parent side only: whatever is
here or below may hold keys and use the network, and is never imported by a child.

A client sends one request a call and never repeats it: whoever calls takes a token of the rate gate right before, and
decides by the error whether a later call makes sense.

ServiceError              anything below; a WorkError, so `problem` is what the database stores
├─ Throttled              too many calls; the same call may succeed later
├─ Unavailable            no answer, or a 5xx; the same call may succeed later, and may have been billed (`sent`)
├─ Refused                the account, the address or this kind of request: no further call of this run can succeed
├─ BadPicture             this picture only; others may be sent
└─ Nonsense               an answer that cannot be understood; it was billed
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from workers.errors import WorkError

Landmarks = tuple[float, float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCard:
    """What one service asks for and gives."""

    name: str
    """As `--scorer` and the analysis know it."""
    title: str
    """As people know it."""
    rate_per_s: float
    """Calls a second that an ordinary account of it is granted, over all its clients."""
    usd_per_1000: Decimal
    """The list price of 1000 transactions in US dollars, first tier; 0 for what runs on one's own machines."""
    never_gives: tuple[str, ...] = ()
    """Emotions that it knows nothing of: their probability is always 0."""
    queue: str = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCard(ServiceCard):
    """A service that finds the faces of a whole picture by itself."""

    formats: tuple[str, ...]
    """Still formats it reads, by the names of `db.records.MediaFacts.container`."""
    min_bytes: int = 1
    max_bytes: int
    min_side_px: int = 1
    """Both sides of a picture have at least this."""
    max_faces: int
    """The largest faces of a picture up to this many; others go unreported."""
    face_px: int
    """The smallest face it finds in a picture of up to 1920 x 1080; the bound grows with larger pictures."""

    def min_face_px(self, width_px: int, height_px: int) -> int:
        """The lowest side of a face that it finds in a picture of that size."""
        longer, shorter = max(width_px, height_px), min(width_px, height_px)
        return math.ceil(self.face_px * max(1.0, longer / 1920, shorter / 1080))


@dataclass(frozen=True, slots=True)
class ServiceFace:
    """One face that a service found."""

    box_xywh: tuple[float, float, float, float]
    """Left, top, width, height in pixels of the picture sent, as a person sees it (EXIF applied)."""
    scores: tuple[float, ...] | None
    """Eight probabilities in the order of `db.emotions.EMOTIONS`, of sum 1; None where the service gave none."""
    attributes: str | None = None
    """What else it said of the face, as a JSON object."""
    confidence: float | None = None
    """That it is a face, 0 to 1; None where the service does not say."""
    landmarks: Landmarks | None = None
    """As in `db.records.Face`; None where the service gave none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said of one picture. Fewer faces than a picture holds are no error."""

    faces: tuple[ServiceFace, ...]
    transactions: int
    """What the call was billed as."""
    request_id: str | None
    """What its support would ask for."""
    status: int
    """HTTP."""


class PictureService(Protocol):
    """Finds and scores the faces of pictures. One instance may serve many threads."""

    @property
    def card(self) -> PictureCard: ...

    def detect(self, picture: bytes) -> Answer:
        """The faces of one encoded picture within the limits of `card`. One call; raises ServiceError."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class CropAnswer:
    """What a service said of crops, in their order."""

    scores: NDArray[np.float32] | None
    """Probabilities, [n, 8] in the order of `db.emotions.EMOTIONS`; None where the service names one emotion only."""
    attributes: tuple[str | None, ...]
    """What else it said of each face, as a JSON object."""
    transactions: int
    request_id: str | None
    status: int


class CropService(Protocol):
    """Scores crops. One instance may serve many threads."""

    @property
    def card(self) -> ServiceCard: ...

    def faces_a_call(self) -> int:
        """How many crops one call may carry. The first time this may ask the server, which is no rated call."""

    def score(self, crops: NDArray[np.uint8]) -> CropAnswer:
        """Scores of gray crops, uint8 [n, 64, 64], n at most `faces_a_call()`. One call; raises ServiceError."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a call that gave no scores."""

    status: int | None = None
    """HTTP; None where no answer came."""
    request_id: str | None = None
    transactions: int = 0
    """What the service is known to have billed for it."""
    sent: bool = False
    """The whole request left without a clear answer: it may have been billed as one transaction all the same."""
    retry_after_s: float | None = None
    """What the service asks to wait, at most 120; None where it does not say."""


class ServiceError(WorkError):
    """A call that gave no scores. Nothing in it, its texts or its causes holds a key."""

    permanent = False

    def __init__(self, code: str, reason: str, hint: str, call: Call = Call()) -> None:
        super().__init__(code, reason, hint, permanent=self.permanent)
        self.call = call


class Throttled(ServiceError):
    """More calls than the account is granted, by `call.retry_after_s` if it says so. Not billed."""

    @property
    def retry_after_s(self) -> float | None:
        """What the service asks to wait, at most 120 s."""
        return self.call.retry_after_s


class Unavailable(ServiceError):
    """No answer, half an answer, or one that says that the service is at fault."""

    @property
    def retry_after_s(self) -> float | None:
        """What the service asks to wait, at most 120 s."""
        return self.call.retry_after_s

    @property
    def sent(self) -> bool:
        """It may have been billed."""
        return self.call.sent


class Refused(ServiceError):
    """The account, the address or this kind of request is refused; so would be any other call of this run."""


class BadPicture(ServiceError):
    """The service does not take this picture, whoever sends it and whenever."""

    permanent = True


class Nonsense(ServiceError):
    """An answer that is none: what was billed for it is lost."""
