"""The accounts that a process calls: each opened once, behind the gate that all who use it share."""

import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from db.errors import StoreError
from db.records import Problem
from db.store import Store
from workers.analysis import AnalysisSpec
from workers.errors import SettingsError
from workers.services.bookkeeper import Bookkeeper
from workers.services.catalogue import Opened, open_service
from workers.services.gate import RateGate, account_id, gate_for
from workers.services.lines import Counter, Trouble
from workers.services.prices import price_of
from workers.services.rate import Rate, rate_in_force
from workers.settings import Settings

if TYPE_CHECKING:
    from workers.services.account import Account

log = structlog.get_logger(__name__)

Opener = Callable[[AnalysisSpec, Settings], Opened]
"""Opens the service of an analysis without calling it: `open_service`. Raises SettingsError."""

SPENT = "its budget for calls is spent"


class Counters:
    """Opened when first asked for, closed together. Guarded by whoever holds it, but for `stop_job`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        redis_url: str | None,
        share: Callable[[], int],
        stopping: threading.Event,
        opener: Opener = open_service,
    ) -> None:
        self._store = store
        self._settings = settings
        self._redis_url = redis_url
        self._share = share
        self._stopping = stopping
        self._opener = opener
        self._counters: dict[tuple[AnalysisSpec, str | None], Counter] = {}
        self._gates: dict[tuple[str, str], RateGate] = {}
        self._misset: Trouble | None = None

    def counter(self, job_id: str, spec: AnalysisSpec, book: Bookkeeper) -> Counter:
        """The account that a job's calls under an analysis go to. Raises SettingsError, StoreError."""
        request = json.loads(self._store.jobs.get(job_id).request_json)
        asked = request.get("rate") or self._settings.rate
        key = (spec, asked)
        if key not in self._counters:
            self._counters[key] = Counter(self._open(spec, asked, book))
        self._misset = None
        return self._counters[key]

    def blame(self, scorer: str, problem: Problem) -> None:
        """A service cannot be called with these settings."""
        self._misset = Trouble(problem, True, scorer)

    @property
    def trouble(self) -> Trouble | None:
        """Why some account cannot be called, if so."""
        troubles = (counter.trouble for counter in tuple(self._counters.values()))
        return self._misset or next((one for one in troubles if one is not None), None)

    def closed_s(self, now: float) -> float:
        """How long the account that is closed longest will be."""
        return max((0.0, *(counter.closed_until - now for counter in tuple(self._counters.values()))))

    def closed(self, now: float) -> tuple[str, ...]:
        """The scorers of accounts that are closed."""
        counters = tuple(self._counters.values())
        return tuple({counter.account.scorer for counter in counters if now < counter.closed_until})

    def stop_job(self, job_id: str) -> None:
        """No more calls for a job: it is stopped until somebody raises its budget."""
        try:
            self._store.jobs.stop(job_id, SPENT)
        except StoreError as error:
            log.warning("action=job-not-stopped", job=job_id, reason=str(error))  # the next refused call tries again

    def close(self) -> None:
        """Close every connection."""
        for counter in self._counters.values():
            counter.account.close()
        for gate in self._gates.values():
            gate.close()

    def _open(self, spec: AnalysisSpec, asked: str | None, book: Bookkeeper) -> "Account":
        from workers.services.account import Account, draw_in_one_thread

        draw_in_one_thread()
        name = spec.scorer.name
        price = price_of(name, self._settings.prices).of(1)
        opened = self._opener(spec, self._settings)
        try:
            gate = self._gate(opened, rate_in_force(opened.service.card.rate_per_s, asked))
        except (StoreError, SettingsError):
            opened.service.__exit__(None, None, None)
            raise
        return Account(name, opened.service, gate, price, book, self._stopping)

    def _gate(self, opened: Opened, rate: Rate) -> RateGate:
        account = account_id(*opened.account)
        key = (account, str(rate))
        if key not in self._gates:
            self._gates[key] = gate_for(account, rate, self._redis_url, self._share())
        return self._gates[key]
