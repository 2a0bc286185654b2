"""The servers and programs that fleet tests stand on: they die when told, come back as told, and leave nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis.exceptions import ConnectionError as Unreachable

from tests.acceptance.runs import clean_environment
from tests.support.crews import is_running, wait_until_gone
from tests.support.postgres import KillablePostgres
from tests.support.programs import Programs, await_true
from tests.support.redis import RedisServer

TWO_SLEEPERS = "setsid sleep 600 & setsid sleep 600 & wait"
ABANDONED = """
import json, os
import psutil
from tests.support.postgres import KillablePostgres
from tests.support.programs import Programs, await_true
from tests.support.redis import RedisServer
programs = Programs()
RedisServer(programs)
KillablePostgres(programs)
sleeper = programs.start("sleepers", ["sh", "-c", "setsid sleep 600 & setsid sleep 600 & wait"])
await_true(lambda: len(sleeper.family) == 2, sleeper.tail, 30)
family = [one.pid for one in psutil.Process().children(recursive=True)]
print(json.dumps([str(programs.folder), family]), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with Programs() as opened:
        yield opened


@pytest.fixture(scope="module")
def redis(programs: Programs) -> RedisServer:
    return RedisServer(programs)


@pytest.fixture(scope="module")
def postgres(programs: Programs) -> Iterator[KillablePostgres]:
    server = KillablePostgres(programs)
    yield server
    server.close()


def test_redis_comes_back_with_its_data_or_empty_as_told(redis: RedisServer) -> None:
    with redis.client() as client:
        client.set("bell", 1)
        redis.restart()
        assert client.get("bell") == b"1"
        redis.restart(empty=True)
        assert client.get("bell") is None


def test_redis_that_was_killed_cannot_be_reached(redis: RedisServer) -> None:
    redis.kill()
    with redis.client() as client:
        with pytest.raises(Unreachable):
            client.ping()
        redis.start()
        assert client.ping()


def test_redis_forgets_everything_on_demand(redis: RedisServer) -> None:
    with redis.client() as client:
        client.set("bell", 1)
        redis.flush()
        assert client.get("bell") is None


def test_redis_wants_its_password_and_never_drops_a_message_for_room(redis: RedisServer) -> None:
    with redis.client() as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("requirepass")["requirepass"]


def test_postgres_that_was_killed_has_what_it_said_was_committed(postgres: KillablePostgres) -> None:
    with postgres.server.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        for _ in range(2):
            postgres.restart()
            with postgres.server.connect() as another:
                another.execute("INSERT INTO kept VALUES (0)")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    postgres.restart()
    with postgres.server.connect() as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1002,)


def test_postgres_that_was_stopped_starts_again(postgres: KillablePostgres) -> None:
    postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        postgres.server.connect()
    postgres.start()
    postgres.server.connect().close()


def test_a_program_says_how_it_ended_and_what_it_wrote(programs: Programs) -> None:
    program = programs.start("speaker", ["sh", "-c", "echo out; echo log >&2; exit 3"])
    assert program.wait() == 3
    assert program.out.read_text() == "out\n"
    assert program.tail() == "log\n"


def test_a_program_that_is_killed_dies_alone_or_with_all_it_started(programs: Programs) -> None:
    alone = programs.start("alone", ["sh", "-c", TWO_SLEEPERS])
    together = programs.start("together", ["sh", "-c", TWO_SLEEPERS])
    for one in (alone, together):
        await_true(lambda one=one: len(one.family) == 2, one.tail, 30)  # type: ignore[misc]
    left, gone = [child.pid for child in alone.family], [child.pid for child in together.family]
    alone.kill()
    together.kill_all()
    assert alone.code == together.code == -9
    assert all(is_running(pid) for pid in left)
    assert not any(is_running(pid) for pid in gone)


def test_closing_ends_orphans_and_removes_the_folder() -> None:
    with Programs() as programs:
        program = programs.start("orphans", ["sh", "-c", TWO_SLEEPERS])
        await_true(lambda: len(program.family) == 2, program.tail, 30)
        orphans = [child.pid for child in program.family]
        program.kill()
    assert not any(is_running(pid) for pid in orphans)
    assert not programs.folder.exists()


def test_a_program_that_cannot_be_started_says_why(programs: Programs) -> None:
    with pytest.raises(RuntimeError, match=r"nobody did not start: .*No such file"):
        programs.start("nobody", ["/no/such/program"])


def test_nothing_outlives_a_test_process_that_is_killed() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ABANDONED], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == -9, ended.stderr
    folder, family = json.loads(ended.stdout)
    assert len(family) > 5
    wait_until_gone(family)
    assert not Path(folder).exists()
