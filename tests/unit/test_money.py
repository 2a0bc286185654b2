"""How calls and money read."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.call_records import Bill
from db.records import JobRecord
from db.states import JobState
from jobs.cli.money import bill_lines, dollars, estimate_lines, more_for, stop_lines
from jobs.estimate import Prospect, Terms, estimate
from workers.services.prices import Price
from workers.services.rate import Rate

JOB = JobRecord("1", None, JobState.SEALED, "{}", 1, 1, "0", "host:1", "", "", "", 0)
SPENT = replace(JOB, state=JobState.CANCELLED, max_calls=31, stop_reason="its budget of 31 calls is spent")
BILL = Bill(calls=31, answered=31, transactions=31, cost=0.031, faces=990)
AZURE = Terms("Azure Face", False, 36, False, Rate(10, 1.0), Price(Decimal("0.80"), "MOODREEL_PRICES"))


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (0.0, "0"), (0.00008, "0.00008"), (0.001, "0.001"), (0.031, "0.031"), (0.0316, "0.032"), (0.5, "0.50"),
     (0.999, "1.00"), (1, "1.00"), (1234.567, "1,234.57"), (Decimal("0.80"), "0.80"), (1e-7, "0.0000001")],
)  # fmt: skip
def test_small_money_shows_two_digits_and_large_money_shows_cents(amount: float, text: str) -> None:
    assert dollars(amount) == text


@given(st.floats(1e-9, 1e9))
def test_no_amount_is_shown_as_nothing_or_far_off(amount: float) -> None:
    assert float(dollars(amount).replace(",", "")) == pytest.approx(amount, rel=0.051)


def test_a_job_that_called_nobody_has_no_bill() -> None:
    assert list(bill_lines(None, JOB)) == []


def test_a_bill_says_what_was_odd_and_only_that() -> None:
    assert list(bill_lines(BILL, JOB)) == ["calls: 31, 31 transactions, about 0.031 USD"]
    odd = Bill(calls=40, answered=31, retries=2, throttled=1, transactions=34, cost=0.034, in_flight=3, unclear=1)
    assert list(bill_lines(odd, JOB)) == [
        "calls: 40 (2 retried, 1 refused for the rate, 4 failed, 3 under way), 34 transactions, about 0.034 USD; "
        "1 call may have been billed without a result"
    ]


def test_a_bill_stands_beside_its_budget() -> None:
    (line,) = bill_lines(BILL, replace(JOB, max_calls=1000, max_cost=5.0))
    assert line == "calls: 31 of at most 1,000, 31 transactions, about 0.031 of at most 5.00 USD"


def test_what_is_free_has_no_price() -> None:
    assert list(bill_lines(replace(BILL, transactions=1, cost=0.0), JOB)) == ["calls: 31, 1 transaction"]


def test_a_job_that_stopped_says_why_and_how_it_goes_on() -> None:
    assert list(stop_lines(JOB, BILL, "abcd1234")) == []
    assert list(stop_lines(SPENT, BILL, "abcd1234")) == [
        "stopped: its budget of 31 calls is spent",
        "hint: moodreel resume abcd1234 --max-calls N",
    ]


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, " --max-calls N"),
        ({"max_cost": 9.0}, " --max-calls N"),
        ({"max_calls": 50, "max_cost": 0.031}, " --max-cost USD"),
        ({"max_calls": None, "max_cost": 0.031}, " --max-cost USD"),
        ({"stop_reason": "the key was refused"}, ""),
        ({"stop_reason": None}, ""),
    ],
)
def test_who_goes_on_is_told_of_the_budget_that_was_spent(changes: dict[str, object], more: str) -> None:
    assert more_for(replace(SPENT, **changes), BILL) == more  # type: ignore[arg-type]


def test_a_budget_of_no_calls_is_spent_before_the_first() -> None:
    assert more_for(replace(SPENT, max_calls=0), None) == " --max-calls N"


def test_an_estimate_says_what_is_known_what_is_assumed_and_what_it_comes_to() -> None:
    prospect = Prospect(photos=2, video_frames=98, frames_new=80, faces_known=30, frames_unseen=50)
    assert list(estimate_lines(estimate(prospect, AZURE, 1.0), JOB)) == [
        "analysed already, and free: 20 frames",
        "faces to score: about 80, 30 of them counted by an earlier analysis",
        "calls: 3 to Azure Face; 0.3 s at 10/s",
        "cost: 0.0024 USD, at 0.80 USD for 1,000 (MOODREEL_PRICES)",
        "assumed: 1 face a frame where nobody has looked for them yet (--faces-per-frame)",
        "assumed: 36 faces a picture (--pack), each found there; what is not is sent again alone",
    ]


def test_an_estimate_without_a_service_says_so() -> None:
    lines = list(estimate_lines(estimate(Prospect(photos=1, frames_new=1, faces_known=2), None, 1.0), JOB))
    assert lines == [
        "faces to score: 2, as an earlier analysis counted",
        "calls: none, and no cost: no service is called",
    ]


def test_an_estimate_beyond_the_budget_says_that_the_job_would_stop() -> None:
    made = estimate(Prospect(faces_known=3600, frames_new=3600), AZURE, 1.0)
    for job, beyond in (
        (replace(JOB, max_calls=100, max_cost=0.08), []),
        (replace(JOB, max_calls=99), ["that is more than --max-calls 99: the job would stop there, to be resumed"]),
        (
            replace(JOB, max_cost=0.0799),
            ["that is more than --max-cost 0.0799: the job would stop there, to be resumed"],
        ),
    ):
        assert [line for line in estimate_lines(made, job) if "more than" in line] == beyond
