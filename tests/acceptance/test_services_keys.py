"""A key that nobody may see: a run at its most talkative meets every fault, and the key is looked for everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.acceptance.services import Client, client
from tests.services.azure import AzureRules, AzureStandIn
from tests.services.pairs import CANARY
from tests.support.fleet import Fleet
from tests.support.postgres import Server

HIDDEN = CANARY.encode()
FAULTS = ["", "429", "not-json", "reset", "", "503", "half", "", "truncated", "empty", "", "picture"]
TALKATIVE = {"MOODREEL_LOG_LEVEL": "debug"}


class Watcher:
    """Reads what the machine tells anybody of a process and its children: arguments of all, environments of these."""

    def __init__(self) -> None:
        self.seen: dict[int, bytes] = {}
        self.children: dict[int, bytes] = {}
        self._over = Event()

    @contextmanager
    def over(self, pid: int) -> Iterator[None]:
        """Look again and again, while the block lasts."""
        thread = Thread(target=self._look, args=(pid,))
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _look(self, pid: int) -> None:
        while not self._over.wait(0.05):
            try:
                top = psutil.Process(pid)
                self.seen[pid] = _of(pid, "cmdline")
                for child in top.children(recursive=True):
                    self.seen[child.pid] = _of(child.pid, "cmdline")
                    self.children[child.pid] = _of(child.pid, "environ")
            except psutil.NoSuchProcess:
                continue


def _of(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def talked(person: Client, *options: str | Path) -> bytes:
    """All that a run let out: what it printed, and what could be seen of it meanwhile."""
    watcher = Watcher()
    process = person.start(*options)
    with watcher.over(process.pid):
        out, err = process.communicate(timeout=120)
    assert watcher.children, "a child was looked at, though its environment may be empty"
    return b"".join([out.encode(), err.encode(), *watcher.seen.values(), *watcher.children.values()])


@pytest.mark.parametrize(
    ("source", "faults"), [("variable", [*FAULTS, "echo-key"]), ("file", ["", "not-json", "redirect"])]
)
def test_the_key_of_a_run_is_nowhere_whatever_goes_wrong(
    source: str, faults: list[str], twelve: Path, tmp_path: Path
) -> None:
    keys, work = tmp_path / "keys", tmp_path / "work"
    work.mkdir()
    keys.write_text(CANARY)
    keys.chmod(0o600)
    in_file = {"MOODREEL_AZURE_KEY": "", "MOODREEL_AZURE_KEY_FILE": str(keys)}
    with client(twelve, work, settings=TALKATIVE | (in_file if source == "file" else {})) as person:
        person.server.rules.next = list(faults)
        let_out = [talked(person, "--pack", "1")]
        assert person.server.rules.next == []
        assert person.server.book.transactions, "it was the right key"
        exports = [("export", "latest", "--output", f"out.{kind}") for kind in ("csv", "parquet")]
        for command in (("status", "latest", "--json"), *exports):
            ended = person.say(*command)
            assert ended.code == 0, ended.err
            let_out += [ended.out.encode(), ended.err.encode()]
    if "echo-key" in faults:
        assert b"***" in let_out[0], "the service repeated the key, and it was blotted out"
    assert HIDDEN not in b"".join(let_out)
    files = [file for file in work.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} >= {".db", ".csv", ".parquet"}
    assert [file.name for file in files if HIDDEN in file.read_bytes()] == []


def test_the_key_of_a_fleet_is_in_no_row_message_or_log(twelve: Path, tmp_path: Path, postgres: Server) -> None:
    rules = AzureRules(keys=(CANARY,), next=list(FAULTS))
    with AzureStandIn(rules) as server, Fleet({"main": twelve}, server=postgres) as fleet:
        settings = TALKATIVE | {"MOODREEL_AZURE_ENDPOINT": server.url, "MOODREEL_AZURE_KEY": CANARY}
        with Redis.from_url(fleet.redis.url, socket_timeout=None) as redis, redis.monitor() as monitor:
            heard: list[bytes] = []
            ear = Thread(target=_listen, args=(monitor, heard), daemon=True)
            ear.start()
            worker = fleet.worker("--queue", "api", "--concurrency", "1", **settings)
            watcher = Watcher()
            with watcher.over(worker.pid):
                job = fleet.run("submit", twelve, "--scorer", "azure", "--pack", "1", "--quiet", **settings).strip()
                fleet.await_finished(job)
            rules.always = "echo-key"
            fleet.run("submit", twelve, "--scorer", "azure", "--quiet", **settings)
            fleet.await_rows("SELECT 1 FROM worker WHERE note LIKE %s", "%azure cannot be called%")
            rows, stored = _dump(fleet), b"".join(_of_redis(redis))
            assert worker.stop() == 0
        assert server.book.transactions >= 9
        assert watcher.children
        assert b"does not know the key" in rows
        assert heard
        told = [file.read_bytes() for file in fleet.programs.folder.glob("*.*") if file.is_file()]
        let_out = b"".join([*told, *heard, stored, rows, *watcher.seen.values(), *watcher.children.values()])
        assert HIDDEN not in let_out


def _listen(monitor: object, heard: list[bytes]) -> None:
    """Every command that Redis is given, until the connection ends."""
    try:
        for told in monitor.listen():  # type: ignore[attr-defined]
            heard.append(str(told).encode())
    except (RedisError, OSError, ValueError, AttributeError):
        return  # it was closed


def _of_redis(redis: object) -> Iterator[bytes]:
    for key in redis.scan_iter():  # type: ignore[attr-defined]
        yield bytes(key)
        yield redis.dump(key) or b""  # type: ignore[attr-defined]


def _dump(fleet: Fleet) -> bytes:
    """Every row of every table, as text."""
    tables = fleet.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return b"\n".join(
        str(row).encode() for (table,) in tables for row in fleet.rows(f'SELECT t::text FROM "{table}" AS t')
    )
