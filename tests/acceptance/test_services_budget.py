"""Bounds on calls and their cost: kept to by a call, and raised by whoever goes on."""

from pathlib import Path

import pytest

from tests.acceptance.runs import sql
from tests.acceptance.services import client

PACK = ("--pack", "2")
CALLS = 6
PRICE = {"MOODREEL_PRICES": "azure=500"}
"""Half a dollar a call."""


@pytest.mark.parametrize(
    ("bound", "more", "settings"),
    [
        (("--max-calls", "4"), ("--max-calls", "40"), {}),
        (("--max-cost", "2.25"), ("--max-cost", "20"), PRICE),
    ],
)
def test_a_job_stops_before_the_call_that_would_pass_its_budget_and_goes_on_once_that_is_raised(
    bound: tuple[str, ...], more: tuple[str, ...], settings: dict[str, str], twelve: Path, tmp_path: Path
) -> None:
    with client(twelve, tmp_path, settings=settings) as person:
        stopped = person.run(*PACK, *bound)
        assert stopped.code == 1, stopped.err
        assert stopped.summary["ending"] == "stopped"
        assert "budget" in stopped.summary["stop_reason"]
        book = person.server.book
        assert book.calls == book.transactions == 4
        assert "budget" in person.say("status", "latest", "--json").summary["state"]
        assert bound[0] in person.say("status", "latest").out
        unchanged = person.resume()
        assert unchanged.code == 1, unchanged.err
        assert book.calls == 4, "nothing is paid while the budget is what it was"
        resumed = person.resume(*more)
        assert resumed.code == 0, resumed.err
        assert person.faces() == (12, 12)
        assert book.transactions <= CALLS + 1, "what was paid is not paid again: the last sheets may be emptier"
        assert sql(person.database, "SELECT count(*) FROM paid_score") == [(12,)]


def test_calls_that_fail_count_against_a_budget(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, next=["429", "503", "not-json"]) as person:
        stopped = person.run(*PACK, "--max-calls", "5")
        assert stopped.code == 1, stopped.err
        assert person.server.book.calls == 5
        assert person.outcomes() == {"answered": 2, "throttled": 1, "unavailable": 1, "nonsense": 1}
        assert stopped.summary["bill"]["calls"] == 5
