"""A connection that is cut while a call is opened or closed: every call is one row, a budget is spent by calls that
were made, and nobody pays for an answer that was received.
"""

from collections.abc import Callable
from typing import Any

import pytest

from db.forget_find import Selection
from db.schema import media
from db.states import CallOutcome
from db.store import Store
from tests.support.calls import SCORER, answer, opened, opening, outcomes, receipt
from tests.support.cutting import Cut, CuttingProxy
from tests.support.dbmaking import admit, change, job_id, photo, rows, start
from tests.support.programs import await_true

CUTS = [Cut.BEFORE, Cut.AFTER]
BUDGETS: list[dict[str, Any]] = [{}, {"max_calls": 3, "max_cost": 1.0}]
SOMEBODY_WAITS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def backend() -> str:
    """SQLite has no connection to cut."""
    return "postgresql"


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("when", CUTS)
def test_calls_whose_opening_was_cut_are_opened_once(
    budget: dict[str, Any], when: Cut, store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    start(store, 1, **budget)
    proxy.cut(when)
    leaving = [opening() for _ in range(3)]
    calls = cut_off.ledger.open_calls(leaving)
    assert proxy.cuts == 1
    assert sorted(rows(store, "SELECT id, request_id FROM api_call")) == [
        (call, one.token) for call, one in zip(calls, leaving, strict=True)
    ]


@pytest.mark.parametrize("budget", BUDGETS)
def test_an_opening_that_the_server_is_still_busy_with_is_waited_for(
    budget: dict[str, Any], store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    start(store, 1, **budget)
    proxy.cut(
        Cut.LATE, meanwhile=lambda: await_true(lambda: bool(rows(store, SOMEBODY_WAITS)), lambda: "nobody waits", 20.0)
    )
    calls = cut_off.ledger.open_calls([opening(), opening()])
    assert proxy.cuts == 1
    assert rows(store, "SELECT id FROM api_call ORDER BY id") == [(call,) for call in calls]


def test_a_call_that_is_lost_before_anybody_hears_that_it_was_opened_is_not_opened_again(
    store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    start(store)
    proxy.cut(Cut.AFTER, meanwhile=lambda: store.ledger.lose_open(None))
    (call,) = cut_off.ledger.open_calls([opening()])
    assert rows(store, "SELECT id, outcome FROM api_call") == [(call, "lost")]


def test_what_others_spent_while_an_opening_was_lost_is_not_spent_again(
    store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    start(store, 1, max_calls=2)
    theirs: list[int | None] = []
    proxy.cut(Cut.BEFORE, meanwhile=lambda: theirs.extend(store.ledger.open_calls([opening()])))
    ours = cut_off.ledger.open_calls([opening(), opening()])
    assert [call is not None for call in (*theirs, *ours)] == [True, True, False]
    assert outcomes(store) == ["open"] * 2


@pytest.mark.parametrize("when", CUTS)
@pytest.mark.parametrize("meanwhile", ["nothing", "lost", "forgotten"])
def test_calls_whose_closing_was_cut_are_closed_once_with_their_answers(
    meanwhile: str, when: Cut, store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    admit(store, start(store), photo("a.jpg"), photo("b.jpg"))
    first, second = (claim.fence.segment_id for claim in store.segments.claim("w", 60.0, 2))
    calls = [opened(store), opened(store)]
    others: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "lost": lambda: store.ledger.lose_open(None),
        "forgotten": lambda: store.forgetting.forget(Selection("b", None, media=media.c.path == "b.jpg")),
    }
    proxy.cut(when, meanwhile=others[meanwhile])
    cut_off.ledger.close_calls([receipt(calls[0], answers=[answer(first), answer(second)]), receipt(calls[1])])
    assert proxy.cuts == 1
    assert outcomes(store) == ["answered", "answered"]
    left = [first] if meanwhile == "forgotten" else [first, second]
    assert set(store.ledger.paid([first, second], SCORER)) == {(segment, 0, 0) for segment in left}


@pytest.mark.parametrize("when", CUTS)
def test_calls_whose_striking_was_cut_are_struck_and_no_others(
    when: Cut, store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    start(store)
    never_sent, sent = opened(store), opened(store)
    later: list[int] = []
    proxy.cut(when, meanwhile=lambda: later.append(opened(store)))
    cut_off.ledger.drop_calls([never_sent])
    assert proxy.cuts == 1
    assert rows(store, "SELECT id FROM api_call ORDER BY id") == [(sent,), (later[0],)]


@pytest.mark.parametrize("when", CUTS)
def test_calls_that_are_given_up_for_lost_are_told_of_once(
    when: Cut, store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    start(store)
    calls = [opened(store) for _ in range(3)]
    store.ledger.close_calls([receipt(calls[0], CallOutcome.THROTTLED)])
    proxy.cut(when)
    assert cut_off.ledger.lose_open(None) == 2
    assert outcomes(store) == ["throttled", "lost", "lost"]


@pytest.mark.parametrize("when", CUTS)
def test_a_job_that_is_stopped_over_a_cut_line_is_stopped_with_its_reason(
    when: Cut, store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    start(store)
    proxy.cut(when)
    cut_off.jobs.stop(job_id(1), "its budget is spent")
    assert store.jobs.get(job_id(1)).stop_reason == "its budget is spent"
    change(store, "UPDATE job SET max_calls = NULL")
    proxy.cut(when)
    cut_off.jobs.allow(job_id(1), 7, None)
    assert store.jobs.get(job_id(1)).max_calls == 7
