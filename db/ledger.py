"""The ledger of calls to paid services: opened under a budget, closed with their answers, added up for a job."""

from collections.abc import Collection, Sequence

from sqlalchemy.engine import Engine

from db.call_records import Bill, CallOpening, PaidKey, Receipt


class LedgerStore:
    """Every call is a row from before it leaves, so that one of which nobody hears again is known all the same."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    def open_calls(self, openings: Sequence[CallOpening]) -> list[int | None]:
        """The id of each call, in their order; None for one that its job may not make any more: its budget would be
        passed, or the job is gone.
        """
        raise NotImplementedError

    def drop_calls(self, ids: Collection[int]) -> None:
        """Strike calls that were never sent after all."""
        raise NotImplementedError

    def close_calls(self, receipts: Sequence[Receipt]) -> None:
        """Note how calls ended, and their answers, in one transaction; what is known already stays as it is."""
        raise NotImplementedError

    def paid(self, segment_ids: Collection[int], scorer: str) -> dict[PaidKey, str]:
        """The answers that are paid for of these segments, under this digest of a scorer's spec."""
        raise NotImplementedError

    def bill(self, job_id: str) -> Bill:
        """What a job has spent."""
        raise NotImplementedError

    def lose_open(self, silent_s: float | None) -> int:
        """Give up on calls of which nothing was heard for so many seconds (None: all, for a process that knows it is
        the only one): whoever made them is gone. Returns how many there were.
        """
        raise NotImplementedError
