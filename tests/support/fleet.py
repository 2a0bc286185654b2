"""A whole fleet on this machine: a real Redis, a real PostgreSQL, and our own programs against them, each of which may
be killed, frozen and started again. Nothing of it is left when it closes, whatever happened.
"""

import secrets
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import psycopg

from db.query_postgres import READER_ROLE_SQL
from db.store import Store
from tests.acceptance.runs import clean_environment, command
from tests.support.postgres import KillablePostgres, Server
from tests.support.programs import Program, Programs, await_true, is_alive
from tests.support.redis import RedisServer

READER = "moodreel_reader"
START_S = 60.0
FINISH_S = 120.0
"""When a test gives up on a job: far beyond what its few files take on a busy machine."""
_LEFT = """
    SELECT count(*) FROM segment WHERE state IN ('queued', 'running') AND media_analysis_id IN
        (SELECT media_analysis_id FROM job_file WHERE job_id = %s)
"""


class Fleet:
    """Servers, a database without any rows, and an environment for `moodreel` that names them.

    `roots`: the folders of media by name. `server`: a PostgreSQL that is shared and must not be killed; without one
    the fleet has its own, `postgres`, where `moodreel query` works as well.
    """

    def __init__(
        self, roots: Mapping[str, Path], *, lease_s: float = 6.0, server: Server | None = None, **environment: str
    ) -> None:
        self._programs_of_ours: list[Program] = []
        with ExitStack() as stack:
            self.programs = stack.enter_context(Programs())
            self.redis = RedisServer(self.programs)
            self.postgres = None if server else KillablePostgres(self.programs)
            if self.postgres is not None:
                stack.callback(self.postgres.close)
            self.server = server or self.postgres.server  # type: ignore[union-attr]
            self.database = f"fleet_{secrets.token_hex(4)}"
            self._make_database(stack)
            stack.callback(self._kill_ours)
            self._close = stack.pop_all()
        self.settings = {
            "MOODREEL_DATABASE_URL": self.server.url(self.database),
            "MOODREEL_BROKER_URL": self.redis.url,
            "MOODREEL_MEDIA_ROOTS": ",".join(f"{name}={folder}" for name, folder in roots.items()),
            "MOODREEL_LEASE_S": str(lease_s),
            **environment,
        }
        if self.postgres is not None:
            self.settings["MOODREEL_QUERY_DATABASE_URL"] = self.server.url(self.database, READER)

    def worker(self, *options: str, **environment: str) -> Program:
        """Start a worker."""
        return self.start("worker", *options, **environment)

    def reaper(self, *options: str, **environment: str) -> Program:
        """Start a reaper that is no worker."""
        return self.start("reaper", *options, **environment)

    def submit(self, *arguments: str | Path, **environment: str) -> Program:
        """Start a submission."""
        return self.start("submit", *arguments, **environment)

    def start(self, *arguments: str | Path, **environment: str) -> Program:
        """Start `moodreel ...` and leave it running."""
        name = f"{len(self._programs_of_ours)}-{arguments[0]}"
        ours = {"MOODREEL_LOG_LEVEL": "info"} | self.settings | environment
        program = self.programs.start(name, command(*arguments), env=clean_environment(**ours))
        self._programs_of_ours.append(program)
        return program

    def run(self, *arguments: str | Path, timeout_s: float = START_S, **environment: str) -> str:
        """Run `moodreel ...` to its end, which must be a good one; what it printed."""
        program = self.start(*arguments, **environment)
        code = program.wait(timeout_s)
        assert code == 0, f"{arguments[0]} ended with {code}\n{self.tails()}"
        return program.out.read_text("utf-8")

    def job_of(self, submission: Program) -> str:
        """The job that a submission made: it prints the id as soon as there is one."""
        self.await_true(lambda: "\n" in submission.out.read_text("utf-8"), "no job id was printed", START_S)
        return submission.out.read_text("utf-8").split()[0]

    def kill_a_child(self, worker: Program) -> int:
        """SIGKILL of one of a worker's children, once it has any; its process id."""
        self.await_true(lambda: bool(worker.family), "the worker has no child", START_S)
        child = worker.family[0]
        child.kill()
        self.await_true(lambda: not is_alive(child), "the child lives on", START_S)
        return int(child.pid)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a statement gives, past any code of ours."""
        with self.server.connect(self.database) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def await_rows(self, statement: str, *values: Any, timeout_s: float = FINISH_S) -> list[tuple[Any, ...]]:
        """The rows of a statement, once it gives any; a server that is down is waited for."""
        found: list[tuple[Any, ...]] = []

        def look() -> bool:
            try:
                found.extend(self.rows(statement, *values))
            except psycopg.OperationalError:
                return False
            return bool(found)

        self.await_true(look, f"no row: {statement}", timeout_s)
        return found

    def await_ready(self, *programs: Program) -> None:
        """Until these workers and reapers have reported for duty."""
        reported = "SELECT 1 FROM worker WHERE state = 'working' AND pid = ANY(%s) HAVING count(*) >= %s"
        self.await_rows(reported, [program.pid for program in programs], len(programs), timeout_s=START_S)

    def await_finished(self, job: str, timeout_s: float = FINISH_S) -> None:
        """Until every file of a job is known and nothing of it is left to do."""
        sealed = "SELECT 1 FROM job WHERE id = %s AND sealed_at IS NOT NULL"
        self.await_rows(f"{sealed} AND ({_LEFT}) = 0", job, job, timeout_s=timeout_s)

    def await_true(self, ready: Callable[[], bool], what: str, timeout_s: float = FINISH_S) -> None:
        """Wait for something that will happen; where it does not, everybody's last words are in the error."""
        await_true(ready, lambda: f"{what}\n{self.tails()}", timeout_s)

    def tails(self) -> str:
        """The end of every log."""
        logs = sorted(self.programs.folder.glob("*.log")) + sorted(self.programs.folder.glob("*.out"))
        texts = {log.name: log.read_text("utf-8", "replace")[-3000:] for log in logs}
        return "\n".join(f"{name}:\n{text}" for name, text in texts.items() if text)

    def close(self) -> None:
        """End everything at once."""
        self._close.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make_database(self, stack: ExitStack) -> None:
        with self.server.connect() as connection:
            connection.execute(f'CREATE DATABASE "{self.database}" TEMPLATE template0'.encode())
        if self.postgres is None:
            stack.callback(self._drop_database)
        Store.open(self.server.url(self.database), create=True).close()
        if self.postgres is not None:
            with self.server.connect(self.database) as connection:
                connection.execute(READER_ROLE_SQL.encode())

    def _drop_database(self) -> None:
        with self.server.connect() as connection:
            connection.execute(f'DROP DATABASE "{self.database}" WITH (FORCE)'.encode())

    def _kill_ours(self) -> None:
        for program in self._programs_of_ours:
            if program.code is None:
                program.send(signal.SIGCONT)
                program.kill_all()
