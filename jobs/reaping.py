"""The reaper alone: a process that analyses nothing and keeps a fleet going."""

import os
import select
import signal
import threading

from db.fleet import FleetStore
from db.store import Store
from workers.bell import Bell
from workers.machine import BRIEF_S, Duty, Reporter, unique_name
from workers.reaper import Reaper
from workers.settings import Settings
from workers.skills import Skills


def reap(settings: Settings) -> None:
    """Until SIGTERM, SIGINT or SIGHUP."""
    from workers.app import CeleryBroker, app

    app.settings = settings
    over = threading.Event()
    told = _Told()
    with Store.open(settings.database_url, patience_s=BRIEF_S) as store:
        fleet = FleetStore(store.engine, BRIEF_S)
        reaper = Reaper(store, Bell(fleet, Skills(fleet), CeleryBroker()))
        reporter = Reporter(store, unique_name(), Duty(0, ("reaper",)))
        reporting = threading.Thread(
            target=reporter.run, args=(over, lambda: ("working", reaper.trouble)), name="reporter", daemon=True
        )
        reporting.start()
        try:
            reaper.run(told.wait)
        finally:
            over.set()
            reporting.join()


class _Told:
    """Whether a signal told us to stop. The handler writes to a pipe: a wait ends at once, and nothing is locked."""

    def __init__(self) -> None:
        self._heard, self._said = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._hear)

    def wait(self, seconds: float) -> bool:
        """Wait, or less if told meanwhile; whether it is over."""
        ready, _, _ = select.select([self._heard], [], [], seconds)
        return bool(ready)

    def _hear(self, _signal: int, _frame: object) -> None:
        os.write(self._said, b"!")
