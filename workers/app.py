"""The Celery application: how bells travel, and how a Celery worker becomes one of ours.

`celery -A workers.app worker` and `moodreel worker` start the same. Nothing is configured before it is needed.
"""

import os
import signal
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from celery import Celery, bootsteps
from celery.exceptions import SecurityWarning
from celery.signals import worker_shutting_down
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from db.engine import first_line
from db.errors import StoreError
from workers.bell import BrokerLost, Line
from workers.doorman import TASK
from workers.errors import SettingsError
from workers.machine import Duty, Machine
from workers.roots import fleet_roots
from workers.settings import Settings
from workers.skills import CPU, QUEUES
from workers.transport import install

PREFIX = "moodreel:"
EPOCH = "epoch"
"""A key that tells a broker that kept its memory from one that came back empty."""
INTERRUPTED = 130
"""The exit code after Ctrl-C, as of the other commands."""
VISIBILITY_S = 900
"""When a message that a dead worker held is delivered again. The database's leases are shorter: this is a long stop."""


class MoodreelCelery(Celery):  # type: ignore[misc]  # Celery has no types
    """The application, with the settings that it runs under."""

    machine: Machine | None = None
    """What this process works with, once it is a worker."""
    was_interrupted = False
    """Whether somebody at the keyboard asked it to end."""

    @cached_property
    def settings(self) -> Settings:
        """Read when first needed; a command line that read them already puts them here."""
        return Settings.load()


install()
app = MoodreelCelery("moodreel", include=["workers.tasks"])


@app.on_after_finalize.connect(weak=False)  # type: ignore[untyped-decorator]
def _keep_to_our_task(sender: Celery, **_: Any) -> None:
    """Celery's own tasks would send messages of a stranger's choice; nothing of ours uses them."""
    for name in [name for name in sender.tasks if name != TASK]:
        sender.tasks.unregister(name)


def _configuration() -> dict[str, Any]:
    """See docs/decisions/0004: at least once delivery of ids, no results, no time limits of Celery's own."""
    return {
        "broker_url": app.settings.broker_url,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_S,
            "unacked_restore_interval": 15,
            "unacked_restore_throttle": 1,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": PREFIX,
        },
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_pool": "threads",
        "worker_concurrency": app.settings.workers,
        "worker_prefetch_multiplier": 1,
        "worker_disable_rate_limits": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "task_acks_late": True,
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_queues": [Queue(name, Exchange(name), name) for name in QUEUES],  # type: ignore[no-untyped-call]
        "task_default_queue": CPU,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "event_serializer": "json",
        "task_ignore_result": True,
        "result_backend": None,
        "enable_utc": True,
    }


app.add_defaults(_configuration)


class MachineStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Before a Celery worker hears its first message it is a whole worker of ours, and after its last it is none."""

    requires = ("celery.worker.components:Pool",)

    def start(self, worker: Any) -> None:
        """Open the database, start the loops, unless `work` did."""
        queues = tuple(name for name in QUEUES if name in worker.app.amqp.queues.consume_from)
        try:
            app.machine = app.machine or _machine(app.settings, Duty(worker.concurrency, queues))
        except (SettingsError, StoreError) as error:
            raise SystemExit(f"error: {error}\nhint: {error.hint}") from error

    def stop(self, worker: Any) -> None:
        """Finish what is in hand, and leave: Celery's pool, which would wait for it, is stopped after us."""
        if app.machine is not None:
            app.machine.finish()
        self.terminate(worker)

    def terminate(self, worker: Any) -> None:
        """Give back, and leave."""
        del worker
        _dismiss()


app.steps["worker"].add(MachineStep)


@worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
def _leave(how: str, sig: str, **_: Any) -> None:
    """Called in a signal handler: warm means to end what is in hand, cold to give it back."""
    app.was_interrupted = app.was_interrupted or sig == "SIGINT"
    if app.machine is not None:
        app.machine.drain() if how == "Warm" else app.machine.stop_now()


class CeleryLine:
    """An open line to the broker."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def depth(self, queue: str) -> int:
        """Messages that wait in a queue."""
        with _translated():
            return int(self._channel.client.llen(queue))

    def publish(self, queue: str, segment_ids: Sequence[int]) -> None:
        """Send one bell."""
        with _translated(), app.amqp.Producer(self._channel) as producer:
            app.send_task(TASK, kwargs={"segment_ids": list(segment_ids)}, queue=queue, producer=producer, retry=False)

    def epoch(self) -> tuple[str, bool]:
        """The server's run and a key of ours in its memory, and whether the key had to be made."""
        with _translated():
            client = self._channel.client
            new_born = bool(client.set(EPOCH, os.urandom(8).hex(), nx=True))
            return f"{client.info('server')['run_id']} {client.get(EPOCH)!r}", new_born


class CeleryBroker:
    """The broker of the application."""

    @contextmanager
    def line(self) -> Iterator[Line]:
        """A connection of its own: one that was pooled may lead to a server that is gone."""
        with _translated(), app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=5)
            yield CeleryLine(connection.default_channel)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what the broker's libraries raise into BrokerLost; the URL is shown without its password."""
    try:
        yield
    except (OperationalError, RedisError, OSError) as error:
        raise BrokerLost(f"the broker {shown_broker(app.settings)} cannot be reached: {first_line(error)}") from error


def shown_broker(settings: Settings) -> str:
    """The broker's URL without its password."""
    return str(app.connection_for_write(settings.broker_url).as_uri())


def work(settings: Settings, concurrency: int, queue: str) -> int:
    """Be a worker until told to stop; the exit code. Raises SettingsError, StoreError."""
    app.settings = settings
    # The warning is of pickled messages, which we do not accept; what else is to be said of root, the caller says.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    for number in (signal.SIGTERM, signal.SIGINT):  # until Celery hears them: a worker may be told before it is one
        signal.signal(number, _leave_early)
    machine = app.machine = _machine(settings, Duty(concurrency, (queue,)))
    try:
        worker = app.Worker(
            hostname=f"{os.getpid()}@{socket.gethostname()}",  # one machine may have several
            concurrency=concurrency,
            queues=[queue],
            loglevel=settings.log_level.upper(),
            quiet=True,
            without_mingle=True,  # a second's talk with other workers about tasks that we do not revoke
            without_gossip=True,
        )
        worker.start()
        return INTERRUPTED if app.was_interrupted else int(worker.exitcode or machine.is_deaf)
    finally:
        _dismiss()


def _leave_early(number: int, _frame: object) -> None:
    raise SystemExit(INTERRUPTED if number == signal.SIGINT else 0)


def _dismiss() -> None:
    machine, app.machine = app.machine, None
    if machine is not None:
        machine.close()


def _machine(settings: Settings, duty: Duty) -> Machine:
    return Machine(settings, fleet_roots(settings), CeleryBroker(), duty)
