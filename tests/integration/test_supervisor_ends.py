"""How a crew starts, gives back and ends: nothing is left running, nothing is lost, nobody waits for ever."""

import os
import resource
import threading
import time
from pathlib import Path

import pytest

from tests.support.crews import BARE, SCRIPTED, Heard, children, do, listen, task, wait_until_gone
from workers.limits import ChildLimits
from workers.supervisor import ItemDone, Lane, Supervisor, TaskEnded


def test_withdrawn_tasks_come_back_and_the_one_in_hand_goes_on(tmp_path: Path) -> None:
    with Supervisor(1, entry=SCRIPTED) as crew:
        crew.submit(task(0, f"wait-for:{tmp_path}", "ok"))
        for number in range(1, 6):
            crew.submit(task(number, "ok", "ok"))
        while not (tmp_path / "begun").exists():
            time.sleep(0.005)
        crew.withdraw()
        heard = Heard()
        heard.hear(crew.events(0))
        assert crew.pending == 1
        assert [heard[number].untouched for number in range(1, 6)] == [(0, 1)] * 5
        (tmp_path / "leave").touch()
        listen(crew, heard)
        assert heard[0].done == [0, 1]
        assert do(crew, task(6, "ok"))[6].done == [0], "it takes work after that as before"


def test_whatever_is_withdrawn_while_lanes_work_every_task_ends_once() -> None:
    with Supervisor(3, entry=SCRIPTED) as crew:
        for number in range(300):
            crew.submit(task(number, "ok"))
        heard = Heard()
        while len(heard.tasks) < 20:
            heard.hear(crew.events(1.0))
        crew.withdraw()
        listen(crew, heard)
        outcomes = [heard[number] for number in range(300)]
        assert crew.events(0) == []
    assert all(outcome.untouched is not None for outcome in outcomes)
    assert all(len(outcome.done) + len(outcome.untouched or ()) == 1 for outcome in outcomes)


def test_stopping_brings_everything_back_and_blames_nobody(tmp_path: Path) -> None:
    with Supervisor(1, entry=SCRIPTED) as crew:
        crew.submit(task(1, "ok", f"hang-in-c:{tmp_path}/begun", "ok"))
        crew.submit(task(2, "ok"))
        while not (tmp_path / "begun").exists():
            time.sleep(0.005)
        pids = crew.child_pids()
        crew.stop_now()
        heard = listen(crew)
        wait_until_gone(pids)
    assert (heard[1].done, heard[1].failed, heard[1].untouched) == ([0], {}, (1, 2))
    assert heard[2].untouched == (0,)


@pytest.mark.parametrize("delay_s", [0.0, 0.005, 0.02, 0.05, 0.1, 0.2])
def test_stopping_while_children_start_leaves_none_behind(delay_s: float) -> None:
    before = children()
    with Supervisor(2, entry=SCRIPTED) as crew:
        for number in range(4):
            crew.submit(task(number, "hang-in-python"))
        time.sleep(delay_s)
        crew.stop_now()
        heard = listen(crew)
    assert [heard[number].untouched for number in range(4)] == [(0,)] * 4
    assert children() == before


def test_closing_does_not_wait_for_busy_children(tmp_path: Path) -> None:
    before = children()
    begun = [tmp_path / "one", tmp_path / "two"]
    with Supervisor(2, entry=SCRIPTED) as crew:
        crew.submit(task(1, f"hang-in-c:{begun[0]}", size=10**9))
        crew.submit(task(2, f"hang-in-c-with-the-lock:{begun[1]}", size=10**9))
        while not all(marker.exists() for marker in begun):
            time.sleep(0.005)
    assert children() == before


def test_a_crew_whose_children_cannot_start_says_why_and_gives_all_back() -> None:
    with Supervisor(2, entry=f"{BARE}:cannot_start") as crew:
        heard = do(crew, *(task(number, "ok", "ok") for number in range(5)))
    assert "it ended by exit status 1 while starting" in heard.broken[0]
    assert "ImportError: libGL.so.1: cannot open shared object file" in heard.broken[0]
    assert [heard[number].untouched for number in range(5)] == [(0, 1)] * 5


def test_a_child_that_hangs_while_it_starts_breaks_the_crew() -> None:
    with Supervisor(1, ChildLimits(start_timeout_s=0.3), entry=f"{BARE}:never_ready") as crew:
        heard = do(crew, task(1, "ok"))
    assert heard.broken == ["it was not ready within 0.3 s"]
    assert heard[1].untouched == (0,)


def test_a_limit_too_small_to_start_in_is_named() -> None:
    with Supervisor(1, ChildLimits(memory_mb=5), entry="tests.support.children:unbounded") as crew:
        heard = do(crew, task(1, "grow:50"))
    assert "it took more than 5 MB to start (MOODREEL_CHILD_MEMORY_MB)" in heard.broken[0]


def test_a_listener_that_goes_away_takes_the_child_with_it() -> None:
    lane = Lane(ChildLimits(), entry=SCRIPTED)
    events = lane.run(task(1, "ok", "ok", "ok"))
    next(events)
    assert lane.pid() is not None
    events.close()  # type: ignore[attr-defined]
    assert lane.pid() is None, "or the next task would hear the answers to this one"
    assert [type(event) for event in lane.run(task(2, "ok"))] == [ItemDone, TaskEnded]
    lane.close()


def test_a_child_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    entry = "tests.support.children:killed_twice_while_starting"
    with Supervisor(1, device=str(tmp_path), entry=entry) as crew:
        heard = do(crew, task(1, "ok"))
    assert len(list(tmp_path.iterdir())) == 2
    assert heard[1].done == [0]
    assert heard.broken == []


def test_a_machine_out_of_descriptors_is_told_from_a_bad_file() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Supervisor(1, entry=SCRIPTED) as crew:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            heard = do(crew, task(1, "ok"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "Too many open files" in heard.broken[0]
    assert heard[1].untouched == (0,)


def test_a_task_that_no_child_takes_up_does_not_go_round_for_ever() -> None:
    with Supervisor(1, entry=f"{BARE}:dies_before_beginning") as crew:
        heard = do(crew, task(1, "a", "b", "c"))
    assert heard[1].failed[0].code == "child.crashed"
    assert heard[1].untouched == (1, 2)


@pytest.mark.parametrize("entry", ["deaf", "dribbles"])
def test_a_child_that_does_not_listen_holds_nobody_up(entry: str) -> None:
    names = ["x" * 4000] * 2000
    with Supervisor(1, ChildLimits(timeout_s=0.3), entry=f"{BARE}:{entry}") as crew:
        heard = do(crew, task(1, *names))
    assert heard[1].failed[0].code == "child.timeout"
    assert heard[1].untouched == tuple(range(1, 2000))


def test_fifty_dead_children_leave_no_descriptor_no_thread_and_no_zombie() -> None:
    children_before = children()
    with Supervisor(2, entry=f"{BARE}:dies_over_everything") as crew:
        do(crew, task(0, "warm"), task(1, "up"))
        before = _holdings()
        heard = do(crew, *(task(number, "a") for number in range(2, 52)))
        assert _holdings() == before
    assert all(heard[number].failed[0].code == "child.crashed" for number in range(2, 52))
    assert children() == children_before


def _holdings() -> tuple[int, int]:
    return len(os.listdir("/proc/self/fd")), threading.active_count()  # noqa: PTH208
