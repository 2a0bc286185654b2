"""Calls to paid services for tests of the ledger: openings, receipts and answers, each in a line."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from db.call_records import CallOpening, PaidAnswer, Receipt
from db.states import CallOutcome
from db.store import Store
from tests.support.dbmaking import job_id, rows

COST = 0.001
SCORER = "azure"
_tokens = count()


def opening(job: int | str = 1, **changes: Any) -> CallOpening:
    """A call with nine faces for a job (its number, or its id)."""
    values: dict[str, Any] = {
        "token": f"token {next(_tokens)}",
        "job_id": job_id(job) if isinstance(job, int) else job,
        "scorer": SCORER,
        "faces": 9,
        "retry": 0,
        "cost": COST,
    }
    return CallOpening(**values | changes)


def opened(store: Store, job: int = 1, **changes: Any) -> int:
    """The id of a call that has left."""
    (number,) = store.ledger.open_calls([opening(job, **changes)])
    assert number is not None
    return number


def receipt(
    call_id: int,
    outcome: CallOutcome = CallOutcome.ANSWERED,
    answers: Sequence[PaidAnswer] = (),
    **changes: Any,
) -> Receipt:
    """How a call ended, billed as one transaction."""
    values: dict[str, Any] = {
        "http_status": 200,
        "transactions": 1,
        "cost": COST,
        "duration_s": 0.25,
        "request_id": f"req-{call_id}",
    }
    return Receipt(call_id, outcome, answers=tuple(answers), **values | changes)


def answer(segment_id: int, face: int = 0, said: str = '{"happiness": 1}', **changes: Any) -> PaidAnswer:
    """What was said of one face in the first frame of a segment."""
    values: dict[str, Any] = {"segment_id": segment_id, "pts": 0, "face": face, "scorer": SCORER, "answer_json": said}
    return PaidAnswer(**values | changes)


def outcomes(store: Store) -> list[str]:
    """How the calls ended, in the order in which they left."""
    return [outcome for (outcome,) in rows(store, "SELECT outcome FROM api_call ORDER BY id")]
