"""kill -9 in the middle of calls: whatever dies, every face is scored once, and only calls under way are paid twice."""

import signal
from pathlib import Path

import pytest

from tests.acceptance.runs import children_of, kill, sql, wait_until
from tests.acceptance.services import Client, client

FACES = 12
ALONE = ("--pack", "1")
LOST = "SELECT count(*) FROM api_call WHERE outcome = 'lost'"
OPEN = "SELECT count(*) FROM api_call WHERE outcome = 'open'"
WHOLE = [("done", 9)]


def kill_after(person: Client, answered: int, *, resume: bool) -> int:
    """SIGKILL of a run that has so many answers and waits for two more; how many calls its ledger left open."""
    person.server.rules.next, person.server.rules.always = [""] * answered, "hang"
    before = person.server.book.calls
    process = person.start_again() if resume else person.start(*ALONE, "--rate", "20/s")
    wait_until(lambda: person.server.book.calls >= before + answered + 2)
    family = children_of(process.pid)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(child in children_of(1) for child in family))
    person.server.rules.next, person.server.rules.always = [], ""
    [(opened,)] = sql(person.database, OPEN)
    return int(opened)


# The first call of a run goes alone: two are under way once it has been answered.
@pytest.mark.parametrize("answers", [(1,), (2, 6)])
def test_a_run_that_is_killed_pays_twice_at_most_what_was_under_way_and_says_how_many(
    answers: tuple[int, ...], twelve: Path, tmp_path: Path
) -> None:
    with client(twelve, tmp_path) as person:
        under_way = [kill_after(person, answered, resume=number > 0) for number, answered in enumerate(answers)]
        assert all(opened >= 2 for opened in under_way)
        ended = person.resume()
        assert ended.code == 0, ended.err
        assert person.faces() == (FACES, FACES)
        assert sql(person.database, "SELECT state, count(*) FROM segment GROUP BY 1") == WHOLE
        [(lost,)] = sql(person.database, LOST)
        assert lost == sum(under_way)
        assert person.server.book.transactions - FACES <= lost
        assert f"{under_way[-1]} calls were under way when an earlier run was killed" in ended.err
        bill = person.bill()
        assert (bill["answered"], bill["unclear"], bill["in_flight"]) == (FACES, lost, 0)
        assert f"{lost} calls may have been billed without a result" in person.say("status", "latest").out


def test_a_child_that_is_killed_has_nothing_paid_twice(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, latency_s=0.4) as person:
        process = person.start(*ALONE)
        wait_until(lambda: person.server.book.calls >= 1)
        kill(children_of(process.pid)[0])
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert person.faces() == (FACES, FACES)
        assert person.outcomes() == {"answered": FACES}
        assert person.server.book.transactions == FACES


def test_ctrl_c_waits_for_the_calls_under_way_and_resume_pays_for_none_again(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, latency_s=0.5) as person:
        process = person.start(*ALONE, "--rate", "5/s")
        wait_until(lambda: person.server.book.calls >= 3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        called = person.server.book.transactions
        assert 3 <= called < FACES
        assert person.outcomes() == {"answered": called}
        assert sql(person.database, "SELECT count(*) FROM segment WHERE state = 'running'") == [(0,)]
        resumed = person.resume()
        assert resumed.code == 0, resumed.err
        assert person.faces() == (FACES, FACES)
        assert person.server.book.transactions == FACES
        assert person.outcomes() == {"answered": FACES}


def test_ctrl_c_twice_waits_for_nobody_and_what_was_under_way_is_on_record(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, next=[""], always="hang") as person:
        process = person.start(*ALONE, MOODREEL_SERVICE_TIMEOUT_S="600")
        wait_until(lambda: person.server.book.calls >= 3)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("finishing what is running" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)  # the service would take ten minutes
        assert process.returncode == 130, err
        person.server.rules.always = ""
        called = person.server.book.calls
        resumed = person.resume()
        assert resumed.code == 0, resumed.err
        assert person.faces() == (FACES, FACES)
        assert person.outcomes() == {"answered": FACES, "lost": called - 1}
