"""A crew of real processes that die, hang, swell and lie: each costs the item in hand, and nothing else."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crews import SCRIPTED, do, task
from workers.limits import ChildLimits
from workers.supervisor import Supervisor

LIMITS = ChildLimits(timeout_s=0.5)
TEN_MINUTES = 1_200_000_000
"""Bytes of a file that may be probed for ten minutes: what ends before that was not waited out."""


@pytest.fixture
def crew() -> Iterator[Supervisor]:
    """One scripted child with half a second for an item."""
    with Supervisor(1, LIMITS, entry=SCRIPTED) as crew:
        yield crew


@pytest.mark.parametrize(
    ("verb", "code", "words"),
    [
        ("segv", "child.crashed", "signal SIGSEGV: Fatal Python error: Segmentation fault"),
        ("exit:3", "child.crashed", "exit status 3"),
        ("hang-in-python", "child.timeout", "did not end within its deadline"),
        ("garbage", "child.protocol", "nonsense: "),
        ("empty", "child.protocol", "nonsense: "),
        ("announce-4-gb", "child.protocol", "a message of 4294967295 bytes"),
        ("ready-again", "child.protocol", "Ready with item 0 of 2 in hand"),
        ("started-again", "child.protocol", "Started with item 0 of 2 in hand"),
        ("started-far-away", "child.protocol", "Started with item 0 of 2 in hand"),
        ("done-early", "child.protocol", "BatchDone with item 0 of 2 in hand"),
        ("answer-of-another-kind", "child.protocol", "Analysed with item 0 of 2 in hand"),
        ("flood-progress", "child.timeout", "did not end within its deadline"),
    ],
)
def test_a_child_that_ends_badly_costs_the_item_in_hand_and_the_lane_goes_on(
    crew: Supervisor, verb: str, code: str, words: str
) -> None:
    heard = do(crew, task(1, "ok", "ok"), task(2, verb, "ok"), task(3, "ok"))
    problem = heard[2].failed[0]
    assert problem.code == code
    assert words in problem.reason
    assert problem.hint
    assert not problem.permanent
    assert heard[2].untouched == (1,)
    assert heard[2].done == []
    assert heard[2].progress == 0
    assert (heard[1].done, heard[3].done) == ([0, 1], [0])
    assert heard.broken == []


def test_a_flood_on_stderr_fills_nobodys_memory_and_its_end_is_told_fit_for_a_terminal(crew: Supervisor) -> None:
    heard = do(crew, task(1, "flood-stderr:2", "ok", size=TEN_MINUTES))
    assert heard[1].failed[0].reason == "analysing it ended its child by exit status 9: last words?"
    assert heard[1].untouched == (1,)


def test_items_before_the_one_that_died_keep_their_answers(crew: Supervisor) -> None:
    heard = do(crew, task(1, "ok", "raise", "segv", "ok", "ok"))
    assert heard[1].done == [0]
    assert [heard[1].failed[index].code for index in (1, 2)] == ["child.error", "child.crashed"]
    assert heard[1].untouched == (3, 4)


def test_an_exception_costs_its_item_and_not_the_child(crew: Supervisor) -> None:
    heard = do(crew, task(1, "pid", "raise", "pid"))
    before, after = heard[1].told
    assert before == after
    assert heard[1].failed[1].reason == "unexpected RuntimeError: a name like ?"


@pytest.mark.parametrize("verb", ["hang-in-c", "hang-in-c-with-the-lock", "stop-itself"])
def test_a_call_that_does_not_return_is_ended_long_before_a_large_items_deadline(crew: Supervisor, verb: str) -> None:
    heard = do(crew, task(1, verb, "ok", size=TEN_MINUTES))
    assert heard[1].failed[0].code == "child.timeout"
    assert heard[1].failed[0].reason == "a library stopped responding over it"
    assert heard[1].untouched == (1,)


def test_a_child_that_closes_its_socket_and_stays_is_ended(crew: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.process.LEAVING_S", 0.2)
    heard = do(crew, task(1, "close-socket"))
    assert heard[1].failed[0].code == "child.protocol"
    assert "closed its socket" in heard[1].failed[0].reason


def test_a_child_killed_from_outside_is_replaced(crew: Supervisor, tmp_path: Path) -> None:
    crew.submit(task(1, f"wait-for:{tmp_path}", "ok"))
    while not (tmp_path / "begun").exists():
        crew.events(0.01)
    (victim,) = crew.child_pids()
    os.kill(victim, signal.SIGKILL)
    heard = do(crew, task(2, "ok"))
    assert heard[1].failed[0].code == "child.killed"
    assert heard[1].untouched == (1,)
    assert heard[2].done == [0]
    assert crew.child_pids() != [victim]


def test_a_child_that_died_idle_costs_nothing(crew: Supervisor) -> None:
    (victim,) = do(crew, task(1, "pid"))[1].told
    os.kill(int(victim), signal.SIGKILL)
    heard = do(crew, task(2, "ok", "ok"))
    assert (heard[2].done, heard[2].failed, heard[2].untouched) == ([0, 1], {}, ())


def test_a_child_that_dies_between_two_items_costs_neither(crew: Supervisor) -> None:
    heard = do(crew, task(1, "ok", "ok-then-exit", "ok"))
    assert (heard[1].done, heard[1].failed, heard[1].untouched) == ([0, 1], {}, (2,))


def test_memory_is_refused_by_the_system_and_costs_the_item_alone(crew: Supervisor) -> None:
    heard = do(crew, task(1, "pid", "ask-for-everything", "pid"))
    before, after = heard[1].told
    assert before == after
    assert heard[1].failed[1].code == "child.memory"
    assert not heard[1].failed[1].permanent


def test_a_child_that_outgrows_its_limit_is_killed() -> None:
    limits = ChildLimits(memory_mb=300)
    with Supervisor(1, limits, entry="tests.support.children:unbounded") as crew:
        heard = do(crew, task(1, "grow:400", "ok"), task(2, "ok"))
    assert heard[1].failed[0].code == "child.memory"
    assert "more than 300 MB" in heard[1].failed[0].reason
    assert heard[1].untouched == (1,)
    assert heard[2].done == [0]


def test_a_child_can_write_no_file(crew: Supervisor, tmp_path: Path) -> None:
    target = tmp_path / "loot"
    heard = do(crew, task(1, f"write-file:{target}", "ok"))
    assert "File too large" in heard[1].failed[0].reason
    assert target.stat().st_size == 0
    assert heard[1].done == [1]


def test_a_child_that_opens_ever_more_files_fails_its_item(crew: Supervisor) -> None:
    heard = do(crew, task(1, "open-many", "ok"))
    assert "Too many open files" in heard[1].failed[0].reason
    assert heard[1].done == [1]


def test_children_are_replaced_after_so_many_items() -> None:
    with Supervisor(1, ChildLimits(recycle_items=2), entry=SCRIPTED) as crew:
        heard = do(crew, *(task(number, "pid") for number in range(5)))
        pids = [heard[number].told[0] for number in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


def test_failed_items_count_towards_a_childs_age_too() -> None:
    with Supervisor(1, ChildLimits(recycle_items=2), entry=SCRIPTED) as crew:
        heard = do(crew, task(1, "raise", "raise"), task(2, "pid"), task(3, "pid"))
        assert heard[2].told == heard[3].told
        assert do(crew, task(4, "pid"))[4].told != heard[3].told


def test_a_child_that_keeps_too_much_memory_is_replaced() -> None:
    with Supervisor(1, ChildLimits(recycle_memory_mb=200), entry=SCRIPTED) as crew:
        heard = do(crew, task(1, "pid", "ok"), task(2, "pid", "keep:200"), task(3, "pid"))
    assert heard[1].told == heard[2].told != heard[3].told


def test_two_children_work_at_the_same_time(tmp_path: Path) -> None:
    with Supervisor(2, entry=SCRIPTED) as crew:
        heard = do(crew, task(1, f"meet:2:{tmp_path}"), task(2, f"meet:2:{tmp_path}"))
    assert (heard[1].done, heard[2].done) == ([0], [0])


def test_a_task_without_items_just_ends(crew: Supervisor) -> None:
    assert do(crew, task(1))[1].untouched == ()
