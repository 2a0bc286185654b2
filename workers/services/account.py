"""One account at one service: a call waits for its turn, is on record before it leaves, and closed on receipt.

The order matters. What is sent is made first, then the call is opened in the ledger under its job's budget, then a turn
is taken, and the call leaves at once. One thread at a time waits for a turn: the others would only wait behind it.
"""

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import cv2
import structlog

from db.call_records import CallOpening, PaidAnswer, Receipt
from db.errors import StoreError
from db.states import CallOutcome
from workers.services import said
from workers.services.base import (
    BadPicture,
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
    error: ServiceError | None = None
    """Then all are unsent."""
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

    def call(self, job_id: str, items: Sequence[Item]) -> Landed:
        """Send as many of the items as one call takes; every item is in what comes back. Raises nothing."""
        parcel, rest = parcel_of(self.service, items)
        if parcel is None:
            return Landed(said=((items[0], Said(note=rest)),), unsent=tuple(items[1:]))
        left = tuple(items[len(parcel.items) :])
        try:
            landed = self._send(job_id, parcel)
        except StoreError as error:
            log.warning("action=call-not-on-record", reason=str(error))
            return Landed(unsent=tuple(items), later_s=DATABASE_PAUSE_S)
        return Landed(landed.said, landed.again, (*landed.unsent, *left), landed.error, landed.later_s, landed.is_spent)

    def close(self) -> None:
        """Close connections."""
        self.service.__exit__(None, None, None)

    def _send(self, job_id: str, parcel: Parcel) -> Landed:
        """Raises StoreError before anything was sent."""
        retry = max(item.tries for item in parcel.items)
        opening = CallOpening(uuid.uuid4().hex, job_id, self.scorer, parcel.faces, retry, float(self.price))
        # What costs nothing may be on record long before its turn: many then share a transaction.
        early = self.book.open(opening) if not self.price else None
        if not self.price and early is None:
            return Landed(unsent=parcel.items, is_spent=True)
        with self.turnstile:
            number = self.book.open(opening) if early is None else early
            if number is None:
                return Landed(unsent=parcel.items, is_spent=True)
            turn = self._turn()
        if isinstance(turn, Later):
            self.book.drop(number)
            return Landed(unsent=parcel.items, later_s=turn.wait_s)
        return self._leave(number, turn, parcel)

    def _turn(self) -> Grant | Later:
        if self.stopping.is_set():
            return Later(0.0)
        return self.gate.acquire(LONGEST_WAIT_S, self.stopping.wait)

    def _leave(self, number: int, turn: Grant, parcel: Parcel) -> Landed:
        began = time.monotonic()
        try:
            heard = parcel.send(self.service)
        except ServiceError as error:
            self.gate.answered(turn, _outcome_of(error))
            self._close(self._failed(number, error, time.monotonic() - began))
            return Landed(unsent=parcel.items, error=error)
        self.gate.answered(turn, SUCCESS)
        self._close(self._answered(number, heard, time.monotonic() - began))
        return Landed(said=heard.said, again=heard.again)

    def _close(self, receipt: Receipt) -> None:
        try:
            self.book.close_call(receipt)
        except StoreError as error:
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
        outcome = CallOutcome.UNCLEAR if call.sent and not call.transactions else _OUTCOMES[type(error)]
        billed = 1 if outcome is CallOutcome.UNCLEAR else call.transactions
        cost = float(self.price * billed)
        return Receipt(number, outcome, call.status, call.transactions, cost, duration_s, call.request_id)


def _outcome_of(error: ServiceError) -> Outcome:
    """As the rate gate sees it."""
    match error:
        case Throttled():
            return Outcome(Verdict.THROTTLED, error.retry_after_s)
        case Unavailable():
            return Outcome(Verdict.UNAVAILABLE, error.retry_after_s)
    return SUCCESS
