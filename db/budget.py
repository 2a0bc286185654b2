"""What a job may still spend on paid services, counted from its calls and held until the transaction ends."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import inf

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.schema import api_call, job

_NANO = 9
"""Digits of a US dollar: ten calls of 0.001 make 0.01, whatever binary fractions add up to."""


@dataclass(slots=True)
class Purse:
    """What is left of a budget."""

    calls: float
    cost: float
    """US dollars."""

    def take(self, cost: float) -> bool:
        """Pay one call from it, unless that is more than it holds."""
        if self.calls < 1 or round(self.cost - cost, _NANO) < 0:
            return False
        self.calls -= 1
        self.cost -= cost
        return True


def purses(connection: Connection, job_ids: Collection[str]) -> Mapping[str, Purse]:
    """What each of these jobs has left; nothing where it is gone. Until we commit none is deleted, and nobody else
    takes from one that has a budget.
    """
    held = {number: Purse(0, 0.0) for number in job_ids}
    for row in connection.execute(_wanted(job_ids).with_for_update(read=True, key_share=True)).all():
        held[row.id] = Purse(inf, inf)
    limited = _wanted(job_ids).where(job.c.max_calls.is_not(None) | job.c.max_cost.is_not(None))
    # The calls are counted in a statement of their own: it must see what others committed while we waited.
    for row in connection.execute(limited.with_for_update(key_share=True)).all():
        calls, cost = _so_far(connection, row.id)
        held[row.id] = Purse(
            inf if row.max_calls is None else row.max_calls - calls,
            inf if row.max_cost is None else row.max_cost - cost,
        )
    return held


def _so_far(connection: Connection, job_id: str) -> tuple[int, float]:
    """How many calls a job has made, and their US dollars."""
    cost = sa.func.coalesce(sa.func.sum(api_call.c.cost), 0.0)
    calls, dollars = connection.execute(sa.select(sa.func.count(), cost).where(api_call.c.job_id == job_id)).one()
    return calls, dollars


def _wanted(job_ids: Collection[str]) -> sa.Select[tuple[str, int | None, float | None]]:
    return sa.select(job.c.id, job.c.max_calls, job.c.max_cost).where(job.c.id.in_(job_ids)).order_by(job.c.id)
