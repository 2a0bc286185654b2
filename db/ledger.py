"""The ledger of calls to paid services: opened under a budget, closed with their answers, added up for a job."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.budget import purses
from db.call_records import Bill, CallOpening, PaidAnswer, PaidKey, Receipt
from db.clock import now
from db.engine import dialect_insert, patient, reading, writing
from db.results import storable_pts
from db.schema import api_call, paid_score, segment
from db.states import CallOutcome
from db.text import storable

IDS_AT_ONCE = 1000
"""Ids in one statement: SQLite takes 32,766 values at most."""
Opened = list[int | None]


class LedgerStore:
    """Every call is a row from before it leaves, so that one of which nobody hears again is known all the same."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def open_calls(self, openings: Sequence[CallOpening]) -> list[int | None]:
        """The id of each call, in their order; None for one that its job may not make any more: its budget would be
        passed, or the job is gone.

        Every call of a job counts, whoever made it and however it ended; no two processes pass a budget together.
        """
        tokens = [opening.token for opening in openings]

        def work(connection: Connection) -> Opened:
            left = purses(connection, {opening.job_id for opening in openings})
            return [_open(connection, one) if left[one.job_id].take(one.cost) else None for one in openings]

        def reread(connection: Connection, before: Opened) -> Opened | None:
            if connection.dialect.name == "postgresql":  # the first try may still be about to end: wait for it
                connection.exec_driver_sql("LOCK TABLE api_call IN SHARE ROW EXCLUSIVE MODE")
            ids = [number for number in before if number is not None]
            known = sa.select(api_call.c.id).where(api_call.c.id.in_(ids), api_call.c.request_id.in_(tokens))
            return before if connection.execute(known.limit(1)).first() else None

        return writing(self._engine, work, self._patience_s, reread)

    def drop_calls(self, ids: Collection[int]) -> None:
        """Strike calls that were never sent after all."""
        never_sent = sa.delete(api_call).where(api_call.c.id.in_(ids), api_call.c.outcome == CallOutcome.OPEN)
        writing(self._engine, lambda connection: connection.execute(never_sent), self._patience_s)

    def close_calls(self, receipts: Sequence[Receipt]) -> None:
        """Note how calls ended, and their answers, in one transaction; what is known already stays as it is.

        Answers of segments that were forgotten meanwhile are left out, and so are those of a moment that no database
        could hold; they sink none of the others.
        """
        answers = [answer for receipt in receipts for answer in receipt.answers if storable_pts(answer.pts)]

        def work(connection: Connection) -> None:
            _file(connection, answers)
            for receipt in sorted(receipts, key=lambda one: one.call_id):
                _close(connection, receipt)

        writing(self._engine, work, self._patience_s)

    @patient
    def paid(self, segment_ids: Collection[int], scorer: str) -> dict[PaidKey, str]:
        """The answers of a scorer that are paid for, of these segments."""
        columns = (paid_score.c.segment_id, paid_score.c.pts, paid_score.c.face, paid_score.c.answer_json)
        found: dict[PaidKey, str] = {}
        with reading(self._engine) as connection:
            for ids in _some(sorted(segment_ids)):
                ours = sa.select(*columns).where(paid_score.c.segment_id.in_(ids), paid_score.c.scorer == scorer)
                for row in connection.execute(ours):
                    found[row.segment_id, row.pts, row.face] = row.answer_json
        return found

    @patient
    def bill(self, job_id: str) -> Bill:
        """What a job has spent."""
        with reading(self._engine) as connection:
            return Bill(**connection.execute(_BILL.where(api_call.c.job_id == job_id)).one()._mapping)

    def lose_open(self, silent_s: float | None) -> int:
        """Give up on calls of which nothing was heard for so many seconds (None: all, for a process that knows it is
        the only one): whoever made them is gone. Returns how many there were.
        """
        silent = sa.true() if silent_s is None else api_call.c.created_at < now(-silent_s)
        unheard = api_call.c.outcome == sa.literal_column("'open'")
        # One that is being closed at this moment is none of them.
        free = sa.select(api_call.c.id).where(unheard, silent).with_for_update(skip_locked=True)
        lose = (
            sa.update(api_call).where(api_call.c.id.in_(free)).values(outcome=CallOutcome.LOST).returning(api_call.c.id)
        )

        def work(connection: Connection) -> list[int]:
            return list(connection.execute(lose).scalars())

        def reread(connection: Connection, before: list[int]) -> list[int] | None:
            rows = sa.select(api_call.c.id, api_call.c.outcome).where(api_call.c.id.in_(before)).with_for_update()
            return before if any(row.outcome != CallOutcome.OPEN for row in connection.execute(rows)) else None

        return len(writing(self._engine, work, self._patience_s, reread))


def _open(connection: Connection, opening: CallOpening) -> int:
    values = {
        "job_id": opening.job_id,
        "scorer": opening.scorer,
        "outcome": CallOutcome.OPEN,
        "faces": opening.faces,
        "transactions": 1,
        "cost": opening.cost,
        "retry": opening.retry,
        "duration_s": 0.0,
        "request_id": opening.token,
        "created_at": now(),
    }
    return int(connection.execute(sa.insert(api_call).values(values).returning(api_call.c.id)).scalar_one())


def _file(connection: Connection, answers: Sequence[PaidAnswer]) -> None:
    """Store answers: segments come first, as where they are forgotten, and rows in one order, or some who do this at
    once would wait for each other.
    """
    there = _there(connection, {answer.segment_id for answer in answers})
    rows = [
        {
            "segment_id": answer.segment_id,
            "pts": answer.pts,
            "face": answer.face,
            "scorer": answer.scorer,
            "answer_json": storable(answer.answer_json),
        }
        for answer in sorted(answers, key=lambda one: (one.segment_id, one.pts, one.face, one.scorer))
        if answer.segment_id in there
    ]
    if rows:
        insert = dialect_insert(connection)(paid_score).values(created_at=now()).on_conflict_do_nothing()
        connection.execute(insert, rows)


def _there(connection: Connection, segment_ids: set[int]) -> set[int]:
    """Those that exist, and will until we commit."""
    found: set[int] = set()
    for ids in _some(sorted(segment_ids)):
        here = sa.select(segment.c.id).where(segment.c.id.in_(ids)).order_by(segment.c.id)
        found.update(connection.execute(here.with_for_update(read=True, key_share=True)).scalars())
    return found


def _close(connection: Connection, receipt: Receipt) -> None:
    values: dict[str, Any] = {
        "outcome": receipt.outcome,
        "http_status": receipt.http_status,
        "transactions": receipt.transactions,
        "cost": receipt.cost,
        "duration_s": receipt.duration_s,
    }
    if receipt.request_id is not None:
        values["request_id"] = storable(receipt.request_id)
    unheard = api_call.c.outcome.in_((CallOutcome.OPEN, CallOutcome.LOST))
    connection.execute(sa.update(api_call).where(api_call.c.id == receipt.call_id, unheard).values(values))


def _some(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE))


def _count(*outcomes: CallOutcome) -> sa.ColumnElement[int]:
    return sa.func.count().filter(api_call.c.outcome.in_(outcomes))


def _sum(column: sa.ColumnElement[Any], *where: sa.ColumnElement[bool]) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.func.sum(column).filter(sa.true(), *where), 0)


_BILL = sa.select(
    sa.func.count().label("calls"),
    _count(CallOutcome.ANSWERED).label("answered"),
    sa.func.count().filter(api_call.c.retry > 0).label("retries"),
    _count(CallOutcome.THROTTLED).label("throttled"),
    _sum(api_call.c.transactions).label("transactions"),
    _sum(api_call.c.cost).label("cost"),
    _count(CallOutcome.OPEN).label("in_flight"),
    _count(CallOutcome.LOST, CallOutcome.UNCLEAR).label("unclear"),
    _sum(api_call.c.faces, api_call.c.outcome == CallOutcome.ANSWERED).label("faces"),
)
