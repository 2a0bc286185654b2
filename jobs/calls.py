"""What a run has to do with services: whether they are called at all, can be called, and how often they were."""

from db.call_records import Bill
from db.ledger import LedgerStore
from db.store import Store
from jobs.control import Controls, ServiceFault


class Calls:
    """The services of one run, if its analysis asks for any."""

    def __init__(self, store: Store, job_id: str, controls: Controls) -> None:
        self._services = controls.services
        self._progress = controls.progress
        self._ledger = LedgerStore(store.engine, store.patience_s)
        self._job_id = job_id
        self.bill: Bill | None = None
        """Of the job when it was last counted; None where nobody was called."""

    @property
    def is_full(self) -> bool:
        """Whether so many faces wait that no more should be found."""
        return self._services is not None and self._services.is_full

    def lose(self) -> None:
        """Nobody will hear how the calls ended that an earlier run had under way when it was killed."""
        lost = self._ledger.lose_open(None)
        if lost:
            were, they = ("calls were", "they") if lost > 1 else ("call was", "it")
            self._progress.say(
                f"{lost} {were} under way when an earlier run was killed: what {they} asked may be paid for twice"
            )

    def mind(self, *, more: bool) -> ServiceFault | None:
        """Calls are filled while more faces may come. Returns why none can be made, if so."""
        if self._services is None:
            return None
        self._services.expect(self, more=more)
        trouble = self._services.trouble
        return None if trouble is None else ServiceFault(trouble.problem)

    def count(self) -> None:
        """Look how many there were."""
        if self._services is not None:
            bill = self._ledger.bill(self._job_id)
            self.bill = bill if bill.calls else None
