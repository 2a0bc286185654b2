"""One account at one service: a call waits for its turn, is on record before it leaves, and closed on receipt.

The order matters. What is sent is made first, then the call is opened in the ledger under its job's budget, then a turn
is taken, and the call leaves at once. One thread at a time waits for a turn: the others would only wait behind it, hold
some of the budget meanwhile, and count as lost if all were killed.
"""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import cv2
import structlog

from db.call_records import CallOpening, PaidAnswer, Receipt
from db.errors import StoreError
from db.states import CallOutcome
from workers.services import said
from workers.services.base import (
    BadPicture,
    Call,
    CropService,
    Nonsense,
    PictureService,
    Refused,
    ServiceError,
    Throttled,
    Unavailable,
)
from workers.services.bookkeeper import Bookkeeper
from workers.services.cases import Item
from workers.services.gate import SUCCESS, Grant, Later, Outcome, RateGate
from workers.services.gate_control import LONGEST_WAIT_S, Verdict
from workers.services.parcels import Heard, Parcel, parcel_of
from workers.services.said import Said

log = structlog.get_logger(__name__)

DATABASE_PAUSE_S = 5.0
_OUTCOMES = {
    Throttled: CallOutcome.THROTTLED,
    Unavailable: CallOutcome.UNAVAILABLE,
    Refused: CallOutcome.REFUSED,
    BadPicture: CallOutcome.PICTURE,
    Nonsense: CallOutcome.NONSENSE,
}


def draw_in_one_thread() -> None:
    """Callers draw side by side: none may take all the processors for itself."""
    cv2.setNumThreads(1)


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of a call."""

    said: tuple[tuple[Item, Said], ...] = ()
    again: tuple[Item, ...] = ()
    """Sent, and the service did not see them among the others: to be sent again, alone."""
    unsent: tuple[Item, ...] = ()
    """Sent in vain, where there is an error; else not sent."""
    left: tuple[Item, ...] = ()
    """More than one call takes: never tried."""
    error: ServiceError | None = None
    """Then all are unsent or left."""
    left_at: float | None = None
    """When the call left, on the monotonic clock; None: it did not."""
    later_s: float | None = None
    """No turn is free for so long."""
    is_spent: bool = False
    """The job may not make another call."""


@dataclass
class Account:
    """A service, its gate and its price. Any thread may call."""

    scorer: str
    service: PictureService | CropService
    gate: RateGate
    price: Decimal
    """US dollars of one transaction."""
    book: Bookkeeper
    stopping: threading.Event
    turnstile: threading.Lock = field(default_factory=threading.Lock)

    def call(self, job_id: str, items: Sequence[Item], is_wanted: Callable[[], bool]) -> Landed:
        """Send as many of the items as one call takes; every item is in what comes back. They may wait for their turn:
        where they are not wanted any more by then, nothing is sent.
        """
        parcel, rest = parcel_of(self.service, items)
        if parcel is None:
            return Landed(said=((items[0], Said(note=rest)),), left=tuple(items[1:]))
        left = tuple(items[len(parcel.items) :])
        try:
            return replace(self._send(job_id, parcel, is_wanted), left=left)
        except StoreError as error:
            log.warning("action=call-not-on-record", reason=str(error))
            return Landed(unsent=tuple(items), later_s=DATABASE_PAUSE_S)

    def close(self) -> None:
        """Close connections."""
        self.service.__exit__(None, None, None)

    def _send(self, job_id: str, parcel: Parcel, is_wanted: Callable[[], bool]) -> Landed:
        """Raises StoreError before anything was sent."""
        retry = max(item.tries for item in parcel.items)
        opening = CallOpening(uuid.uuid4().hex, job_id, self.scorer, parcel.faces, retry, float(self.price))
        # What costs nothing may be on record long before its turn: many then share a transaction.
        early = self.book.open(opening) if not self.price else None
        if not self.price and early is None:
            return Landed(unsent=parcel.items, is_spent=True)
        with self.turnstile:
            # Whoever stood before us may have found the service closed, and what waited may have been withdrawn.
            if early is None and not is_wanted():
                return Landed(unsent=parcel.items)
            number = self.book.open(opening) if early is None else early
            if number is None:
                return Landed(unsent=parcel.items, is_spent=True)
            turn = self._turn(is_wanted)
            if isinstance(turn, Later):
                # Before the next one asks, who would be refused for what this one holds of the budget.
                self.book.drop(number)
                return Landed(unsent=parcel.items, later_s=turn.wait_s)
        return self._leave(number, turn, parcel)

    def _turn(self, is_wanted: Callable[[], bool]) -> Grant | Later:
        if self.stopping.is_set() or not is_wanted():
            return Later(0.0)
        turn = self.gate.acquire(LONGEST_WAIT_S, self.stopping.wait)
        return turn if is_wanted() else Later(0.0)

    def _leave(self, number: int, turn: Grant, parcel: Parcel) -> Landed:
        left_at = time.monotonic()
        try:
            heard = parcel.send(self.service)
        except ServiceError as error:
            self.gate.answered(turn, _outcome_of(error))
            self._close(self._failed(number, error, time.monotonic() - left_at))
            return Landed(unsent=parcel.items, error=error, left_at=left_at)
        except Exception:
            # Unforeseen, perhaps over an answer: the call is over all the same, and may be billed.
            self._close(self._unclear(number, time.monotonic() - left_at, Call()))
            raise
        self._close(self._answered(number, heard, time.monotonic() - left_at))
        self.gate.answered(turn, SUCCESS)
        return Landed(said=heard.said, again=heard.again, left_at=left_at)

    def _close(self, receipt: Receipt) -> None:
        try:
            self.book.close_call(receipt)
        except Exception as error:  # noqa: BLE001  whatever it is, what was paid for shall be used
            # What was said is still in our hands; only a crash before its segment's commit would have it paid again.
            log.warning("action=answers-not-on-record", call=receipt.call_id, reason=str(error))

    def _answered(self, number: int, heard: Heard, duration_s: float) -> Receipt:
        answers = tuple(self._paid(item, answer) for item, answer in heard.said)
        cost = float(self.price * heard.transactions)
        return Receipt(
            number, CallOutcome.ANSWERED, heard.status, heard.transactions, cost, duration_s, heard.request_id, answers
        )

    def _paid(self, item: Item, answer: Said) -> PaidAnswer:
        fence = item.case.claim.fence
        pts = item.case.frames[item.frame].pts
        return PaidAnswer(fence.segment_id, pts, item.number, self.scorer, said.to_json(answer, item.face))

    def _failed(self, number: int, error: ServiceError, duration_s: float) -> Receipt:
        call = error.call
        if call.sent and not call.transactions:
            return self._unclear(number, duration_s, call)
        cost = float(self.price * call.transactions)
        return Receipt(
            number, _OUTCOMES[type(error)], call.status, call.transactions, cost, duration_s, call.request_id
        )

    def _unclear(self, number: int, duration_s: float, call: Call) -> Receipt:
        """Taken for billed: a budget is kept to rather than used up."""
        return Receipt(number, CallOutcome.UNCLEAR, call.status, 1, float(self.price), duration_s, call.request_id)


def _outcome_of(error: ServiceError) -> Outcome:
    """As the rate gate sees it."""
    match error:
        case Throttled():
            return Outcome(Verdict.THROTTLED, error.retry_after_s)
        case Unavailable():
            return Outcome(Verdict.UNAVAILABLE, error.retry_after_s)
    return SUCCESS
