"""One thread that writes the ledger for all who call: whatever comes while it writes goes into its next transaction.

So a call costs no transaction of its own, however many callers there are, and none begins before it is on record.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from db.call_records import CallOpening, Receipt
from db.errors import DatabaseUnavailable, StoreError
from db.ledger import LedgerStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing to write down: what, which kind of writing, and who waits for it."""

    value: Any
    write: Callable[[Sequence[Any]], Sequence[Any]]
    done: Future[Any]


class Bookkeeper:
    """The ledger, for many threads. Each method blocks until what it was given is committed; raises a StoreError."""

    def __init__(self, ledger: LedgerStore) -> None:
        self._ledger = ledger
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="bookkeeper", daemon=True)
        self._thread.start()

    def open(self, opening: CallOpening) -> int | None:
        """The number of a call that may leave; None where its job may not make another."""
        number: int | None = self._write(opening, self._ledger.open_calls)
        return number

    def drop(self, call_id: int) -> None:
        """It was never sent after all."""
        self._write(call_id, self._drop)

    def close_call(self, receipt: Receipt) -> None:
        """How it ended, and what it brought."""
        self._write(receipt, self._close)

    def end(self, patience_s: float) -> None:
        """Write what waits, within so many seconds, and take nothing more."""
        with self._door:
            self._is_over = True
            self._entries.put(None)
        self._thread.join(patience_s)

    def _drop(self, ids: Sequence[int]) -> Sequence[None]:
        self._ledger.drop_calls(ids)
        return [None] * len(ids)

    def _close(self, receipts: Sequence[Receipt]) -> Sequence[None]:
        self._ledger.close_calls(receipts)
        return [None] * len(receipts)

    def _write(self, value: Any, write: Callable[[Sequence[Any]], Sequence[Any]]) -> Any:
        done: Future[Any] = Future()
        with self._door:
            if self._is_over:  # or a call that comes back late would wait for ever
                raise DatabaseUnavailable("the ledger is closed: this process ends", "`moodreel resume` goes on")
            self._entries.put(_Entry(value, write, done))
        return done.result()

    def _run(self) -> None:
        open_for_more = True
        while open_for_more:
            entries = [self._entries.get()]
            with suppress(queue.Empty):
                while entries[-1] is not None:
                    entries.append(self._entries.get_nowait())
            open_for_more = entries[-1] is not None
            waiting = [entry for entry in entries if entry is not None]
            for write in dict.fromkeys(entry.write for entry in waiting):
                self._commit([entry for entry in waiting if entry.write == write])

    def _commit(self, entries: Sequence[_Entry]) -> None:
        """In one transaction; where that fails for what one of them holds, one by one."""
        try:
            results = entries[0].write([entry.value for entry in entries])
        except DatabaseUnavailable as error:
            _tell(entries, error)
        except Exception as error:  # noqa: BLE001  told to whoever waits
            if len(entries) == 1:
                _tell(entries, error)
                return
            log.warning(
                "action=ledger-one-by-one", reason=type(error).__name__, is_store_error=isinstance(error, StoreError)
            )
            for entry in entries:
                self._commit([entry])
        else:
            for entry, result in zip(entries, results, strict=True):
                entry.done.set_result(result)


def _tell(entries: Sequence[_Entry], error: Exception) -> None:
    for entry in entries:
        entry.done.set_exception(error)
