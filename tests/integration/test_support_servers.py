"""The servers and programs that fleet tests stand on: they die when told, come back as told, and leave nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis.exceptions import ConnectionError as Unreachable

from tests.acceptance.folders import write_photo
from tests.acceptance.runs import clean_environment
from tests.support.crews import is_running, wait_until_gone
from tests.support.fleet import Fleet
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


def test_a_fleet_does_its_jobs_though_each_of_its_parts_is_killed(tmp_path: Path) -> None:
    write_photo(tmp_path / "one.jpg", 1)
    with Fleet({"main": tmp_path}) as fleet:
        first = fleet.worker("--concurrency", "1")
        job = fleet.job_of(fleet.submit(tmp_path))
        assert not is_running(fleet.kill_a_child(first))
        fleet.await_finished(job)
        first.kill()
        fleet.redis.restart(empty=True)
        assert fleet.postgres is not None
        fleet.postgres.restart()
        write_photo(tmp_path / "two.jpg", 2)
        second = fleet.worker("--concurrency", "1")
        fleet.await_ready(second)
        fleet.await_finished(fleet.job_of(fleet.submit(tmp_path)))
        assert fleet.rows("SELECT path, count(*) FROM emotions GROUP BY 1 ORDER BY 1") == [
            ("one.jpg", 1),
            ("two.jpg", 1),
        ]
        family = [second.pid, *(child.pid for child in second.family)]
        assert len(family) > 1
    assert not any(is_running(pid) for pid in family)
    assert not fleet.programs.folder.exists()


def test_a_fleet_may_share_the_server_of_the_tests(tmp_path: Path, postgres: KillablePostgres) -> None:
    with Fleet({"main": tmp_path}, server=postgres.server) as fleet:
        job = fleet.run("submit", tmp_path, "--quiet").strip()
        fleet.await_finished(job)
        with postgres.server.connect(fleet.database):
            pass
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        postgres.server.connect(fleet.database)


def test_what_a_fleet_waits_for_in_vain_is_told_with_every_log(tmp_path: Path, postgres: KillablePostgres) -> None:
    with Fleet({"main": tmp_path}, server=postgres.server) as fleet:
        fleet.start("no-such-command").wait()
        with pytest.raises(AssertionError, match=r"(?s)no row: .*no-such-command.log:.*No such command"):
            fleet.await_rows("SELECT 1 FROM job", timeout_s=0)


def test_the_demo_of_a_fleet_ends_well(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.fleet_demo", "demo", "--output", tmp_path],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "two-people.png" in ended.stdout


def test_nothing_outlives_a_test_process_that_is_killed() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ABANDONED], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert ended.returncode == -9, ended.stderr
    folder, family = json.loads(ended.stdout)
    assert len(family) > 5
    wait_until_gone(family)
    assert not Path(folder).exists()
