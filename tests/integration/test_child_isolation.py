"""What a child may know and hold of its parent's, and that it never outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.crews import PATIENCE_S, SCRIPTED, do, task, wait_until_gone
from workers.child import NICE
from workers.spawn import KEPT_ENVIRONMENT, ONE_THREAD
from workers.supervisor import Supervisor

REPOSITORY = Path(__file__).parents[2]


def parent(*names: str, cwd: Path) -> "subprocess.Popen[str]":
    """A parent of its own, started as the console script is: from a file that lies elsewhere."""
    script = cwd / "bin" / "parent"
    script.parent.mkdir(exist_ok=True)
    script.write_text("from tests.support.crews import hold\nhold()\n")
    return subprocess.Popen(
        [sys.executable, str(script), *names],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def said(process: "subprocess.Popen[str]") -> list[int]:
    """The next line that a parent printed."""
    assert process.stdout is not None
    return list(json.loads(process.stdout.readline()))


def wait_for(markers: Sequence[Path]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not all(marker.exists() for marker in markers):
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_children_are_gone_with_a_parent_that_was_killed_whatever_they_do(tmp_path: Path) -> None:
    verbs = ("hang-in-c", "hang-in-c-with-the-lock", "hang-in-python")
    markers = [tmp_path / verb for verb in verbs]
    with parent(*(f"{marker.name}:{marker}" for marker in markers), cwd=tmp_path) as process:
        pids = said(process)
        wait_for(markers)
        process.kill()
    wait_until_gone(pids)
    assert len(pids) == 3


def test_ctrl_c_at_the_terminal_reaches_the_parent_alone(tmp_path: Path) -> None:
    with parent(f"wait-for:{tmp_path}+pid", cwd=tmp_path) as process:
        pids = said(process)
        wait_for([tmp_path / "begun"])
        os.killpg(process.pid, signal.SIGINT)
        (tmp_path / "leave").touch()
        assert said(process) == [[str(pids[0])]], "the same child went on and took the next item"


def test_a_folder_with_modules_named_like_ours_changes_nothing(tmp_path: Path) -> None:
    for trap in ("db.py", "jobs/__init__.py", "workers/__init__.py", "json.py", "numpy.py"):
        path = tmp_path / trap
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise SystemExit('the wrong module')\n")
    with parent("pid", cwd=tmp_path) as process:
        pids = said(process)
        assert said(process) == [[str(pids[0])]]
    assert process.returncode == 0


def test_a_childs_environment_is_an_allow_list(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {
        "MOODREEL_DATABASE_URL": "postgresql://user:s3cret@host/db",
        "MOODREEL_BROKER_URL": "redis://:s3cret@host",
        "MOODREEL_AZURE_KEY": "s3cret",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "PYTHONPATH": "s3cret",
        "LD_PRELOAD_PATH": "s3cret",
    }
    for name, value in (secrets | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}).items():
        monkeypatch.setenv(name, value)
    with Supervisor(1, entry=SCRIPTED) as crew:
        (told,) = do(crew, task(1, "environment"))[1].told
    environment = json.loads(told)
    assert "s3cret" not in told
    assert {name for name in environment if not name.startswith("LC_")} <= KEPT_ENVIRONMENT | ONE_THREAD.keys()
    assert (environment["LC_ALL"], environment["TZ"]) == ("C.UTF-8", "UTC")


def test_a_child_holds_nothing_of_its_siblings_or_its_parent(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    with (tmp_path / "secret").open("w"), Supervisor(3, entry=SCRIPTED) as crew:
        heard = do(crew, *(task(number, f"meet:3:{room}", "descriptors") for number in range(3)))
        held = [set(json.loads(heard[number].told[0])) - {os.devnull} for number in range(3)]
    assert not any("secret" in link for links in held for link in links)
    pipes = [{link for link in links if link.startswith(("pipe:", "socket:"))} for links in held]
    assert all(len(links) == 4 for links in pipes), "its socket, lifeline, pulse and stderr"
    assert len(set.union(*pipes)) == sum(map(len, pipes))


def test_a_child_gives_way_to_its_parent() -> None:
    with Supervisor(1, entry=SCRIPTED) as crew:
        do(crew, task(1, "ok"))
        (pid,) = crew.child_pids()
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
