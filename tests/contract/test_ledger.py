"""Calls to paid services: rows before they leave, answers that are never paid for twice, a bill that adds up."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from db import ledger
from db.call_records import Bill
from db.errors import StoreError
from db.forget_find import Selection
from db.schema import media
from db.states import CallOutcome
from db.store import Store
from tests.contract.test_store_concurrency import together
from tests.support.calls import COST, SCORER, answer, opened, opening, outcomes, receipt
from tests.support.dbmaking import admit, change, job_id, photo, rows, start, video

NOT_BILLED = {"transactions": 0, "cost": 0.0}


def claimed_ids(store: Store, *names: str, job: int = 1) -> list[int]:
    """Segments of photos of these names in a new job."""
    admit(store, start(store, job), *map(photo, names))
    return [claim.fence.segment_id for claim in store.segments.claim("w", 60.0, len(names))]


def forget_media(store: Store, path: str) -> None:
    store.forgetting.forget(Selection(path, None, media=media.c.path == path))


def test_a_call_is_a_row_before_it_leaves_and_says_afterwards_how_it_ended(store: Store) -> None:
    start(store)
    leaving = opening(retry=2, faces=4)
    (call,) = store.ledger.open_calls([leaving])
    assert call is not None
    select = "SELECT job_id, scorer, outcome, http_status, faces, transactions, cost, retry, duration_s, request_id"
    assert rows(store, f"{select} FROM api_call") == [
        (job_id(1), "azure", "open", None, 4, 1, COST, 2, 0.0, leaving.token),
    ]
    store.ledger.close_calls([receipt(call, transactions=2, cost=0.002, request_id="theirs")])
    assert rows(store, f"{select} FROM api_call") == [
        (job_id(1), "azure", "answered", 200, 4, 2, 0.002, 2, 0.25, "theirs"),
    ]


def test_a_call_that_the_service_gave_no_name_keeps_ours(store: Store) -> None:
    start(store)
    leaving = opening()
    (call,) = store.ledger.open_calls([leaving])
    assert call is not None
    store.ledger.close_calls([receipt(call, CallOutcome.UNAVAILABLE, http_status=None, request_id=None)])
    assert rows(store, "SELECT outcome, http_status, request_id FROM api_call") == [
        ("unavailable", None, leaving.token)
    ]


def test_a_job_that_is_gone_opens_nothing_and_sinks_no_other(store: Store) -> None:
    start(store)
    gone, here = store.ledger.open_calls([opening(2), opening(1)])
    assert gone is None
    assert here is not None
    assert store.ledger.open_calls([]) == []


def test_only_a_call_that_is_open_can_be_dropped_and_its_id_means_no_other(store: Store) -> None:
    start(store)
    answered, never_sent = opened(store), opened(store)
    store.ledger.close_calls([receipt(answered)])
    store.ledger.drop_calls([answered, never_sent, 999])
    assert rows(store, "SELECT id FROM api_call") == [(answered,)]
    assert opened(store) not in (answered, never_sent)


def test_a_call_is_closed_once(store: Store) -> None:
    start(store)
    call = opened(store)
    store.ledger.close_calls([receipt(call)])
    store.ledger.close_calls([receipt(call, CallOutcome.UNAVAILABLE, **NOT_BILLED), receipt(999)])
    assert rows(store, "SELECT outcome, cost, request_id FROM api_call") == [("answered", COST, f"req-{call}")]


def test_a_call_given_up_for_lost_whose_answer_comes_after_all_is_answered(store: Store) -> None:
    (segment,) = claimed_ids(store, "a.jpg")
    call = opened(store)
    assert store.ledger.lose_open(None) == 1
    assert store.ledger.bill(job_id(1)).unclear == 1
    store.ledger.close_calls([receipt(call, answers=[answer(segment)])])
    assert outcomes(store) == ["answered"]
    assert store.ledger.paid([segment], SCORER) == {(segment, 0, 0): '{"happiness": 1}'}


def test_calls_are_lost_once_they_have_been_silent_for_so_long(store: Store) -> None:
    start(store)
    old, answered, _young = (opened(store) for _ in range(3))
    store.ledger.close_calls([receipt(answered)])
    change(store, f"UPDATE api_call SET created_at = '2024-01-01 00:00:00.000000' WHERE id IN ({old}, {answered})")
    assert store.ledger.lose_open(3600.0) == 1
    assert outcomes(store) == ["lost", "answered", "open"]
    assert store.ledger.lose_open(None) == 1
    assert store.ledger.lose_open(None) == 0
    assert outcomes(store) == ["lost", "answered", "lost"]


def test_what_is_paid_for_comes_back_by_segment_and_scorer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "IDS_AT_ONCE", 2)
    segments = claimed_ids(store, *"abcde")
    paid = [answer(segment, face, f"[{segment}, {face}]") for segment in segments for face in range(2)]
    other = answer(segments[0], said="another view", scorer="another scorer")
    elsewhere = answer(segments[0], pts=40, said="another frame")
    store.ledger.close_calls([receipt(opened(store), answers=[*paid, other, elsewhere])])
    mine = {(one.segment_id, one.pts, one.face): one.answer_json for one in [*paid, elsewhere]}
    assert store.ledger.paid(segments, SCORER) == mine
    assert store.ledger.paid(segments[:1], "another scorer") == {(segments[0], 0, 0): "another view"}
    assert store.ledger.paid(segments[1:3], SCORER) == {
        key: said for key, said in mine.items() if key[0] in segments[1:3]
    }
    assert store.ledger.paid([], SCORER) == {}


def test_an_answer_is_never_overwritten_and_those_beside_it_are_kept(store: Store) -> None:
    (segment,) = claimed_ids(store, "a.jpg")
    first, second = opened(store), opened(store)
    store.ledger.close_calls([receipt(first, answers=[answer(segment, 0, "first")])])
    store.ledger.close_calls([receipt(second, answers=[answer(segment, 0, "again"), answer(segment, 1, "new")])])
    assert store.ledger.paid([segment], SCORER) == {(segment, 0, 0): "first", (segment, 0, 1): "new"}


def test_many_who_bring_answers_for_the_same_faces_are_all_heard(store: Store) -> None:
    segments = claimed_ids(store, *"abc")
    calls = [opened(store) for _ in range(8)]

    def work(number: int) -> None:
        order = segments if number % 2 else segments[::-1]
        store.ledger.close_calls([receipt(calls[number], answers=[answer(one, said=str(number)) for one in order])])

    together(work)
    assert outcomes(store) == ["answered"] * 8
    assert set(store.ledger.paid(segments, SCORER)) == {(segment, 0, 0) for segment in segments}


def test_answers_for_what_was_forgotten_meanwhile_are_left_out_and_sink_no_others(store: Store) -> None:
    gone, here = claimed_ids(store, "gone.jpg", "here.jpg")
    call, other = opened(store), opened(store)
    forget_media(store, "gone.jpg")
    store.ledger.close_calls([receipt(call, answers=[answer(gone), answer(here)]), receipt(other)])
    assert outcomes(store) == ["answered", "answered"]
    assert set(store.ledger.paid([gone, here], SCORER)) == {(here, 0, 0)}


def test_answers_go_with_the_recording_that_they_are_about(store: Store) -> None:
    (segment,) = claimed_ids(store, "a.jpg")
    store.ledger.close_calls([receipt(opened(store), answers=[answer(segment)])])
    forget_media(store, "a.jpg")
    assert rows(store, "SELECT * FROM paid_score") == []
    assert store.ledger.bill(job_id(1)).answered == 1


def test_a_call_of_a_job_that_was_forgotten_can_still_be_closed(store: Store) -> None:
    start(store)
    call = opened(store)
    store.forgetting.forget(Selection("job", job_id(1), files=sa.false()))
    store.ledger.close_calls([receipt(call)])
    assert rows(store, "SELECT job_id, outcome FROM api_call") == [(None, "answered")]
    assert store.ledger.bill(job_id(1)) == Bill()


@pytest.mark.parametrize("said", ["", "\0 and \udc80", "happy \N{SLIGHTLY SMILING FACE}" * 10_000])
def test_any_text_of_a_service_can_be_stored(store: Store, said: str) -> None:
    (segment,) = claimed_ids(store, "a.jpg")
    store.ledger.close_calls([receipt(opened(store), answers=[answer(segment, said=said)], request_id=said)])
    assert len(store.ledger.paid([segment], SCORER)) == 1


def test_an_answer_for_a_moment_that_no_database_holds_sinks_no_others(store: Store) -> None:
    """Its segment cannot be committed either."""
    (segment,) = claimed_ids(store, "a.jpg")
    answers = [answer(segment, pts=2**63), answer(segment, pts=-(2**63) - 1), answer(segment, pts=-(2**63))]
    store.ledger.close_calls([receipt(opened(store), answers=answers)])
    assert set(store.ledger.paid([segment], SCORER)) == {(segment, -(2**63), 0)}


def test_a_bill_adds_up(store: Store) -> None:
    start(store)
    start(store, 2)
    opened(store, 2)
    expected = Bill()
    for at, outcome in enumerate(CallOutcome):
        for _ in range(at + 1):
            call = opened(store, retry=at % 3, faces=at)
            if outcome is CallOutcome.LOST:
                change(store, f"UPDATE api_call SET outcome = 'lost' WHERE id = {call}")
            elif outcome is not CallOutcome.OPEN:
                store.ledger.close_calls([receipt(call, outcome, transactions=at, cost=at * COST)])
            expected = _with(expected, outcome, at)
    bill = store.ledger.bill(job_id(1))
    assert replace(bill, cost=0.0) == replace(expected, cost=0.0)
    assert bill.cost == pytest.approx(expected.cost)
    assert (bill.calls, bill.in_flight, bill.answered, bill.unanswered) == (45, 1, 2, 42)


def _with(bill: Bill, outcome: CallOutcome, at: int) -> Bill:
    """The bill with one more call."""
    unheard = outcome in (CallOutcome.OPEN, CallOutcome.LOST)
    return Bill(
        calls=bill.calls + 1,
        answered=bill.answered + (outcome is CallOutcome.ANSWERED),
        retries=bill.retries + (at % 3 > 0),
        throttled=bill.throttled + (outcome is CallOutcome.THROTTLED),
        transactions=bill.transactions + (1 if unheard else at),
        cost=bill.cost + COST * (1 if unheard else at),
        in_flight=bill.in_flight + (outcome is CallOutcome.OPEN),
        unclear=bill.unclear + (outcome in (CallOutcome.LOST, CallOutcome.UNCLEAR)),
        faces=bill.faces + (at if outcome is CallOutcome.ANSWERED else 0),
    )


def test_a_job_without_calls_has_an_empty_bill(store: Store) -> None:
    assert store.ledger.bill(start(store).id) == Bill()


def test_a_claim_says_whose_call_it_is(store: Store) -> None:
    """The job that the claim names, or else the newest that still wants the segment."""
    for number in (1, 2, 3):
        admit(store, start(store, number), photo("a.jpg"), video("b.mp4", segments=1))
    store.jobs.cancel(job_id(3))
    (named,) = store.segments.claim("w", 60.0, 1, job_id=job_id(1))
    (unnamed,) = store.segments.claim("w", 60.0, 1)
    assert (named.job_id, unnamed.job_id) == (job_id(1), job_id(2))


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_call_that_is_being_closed_is_not_given_up_for_lost(store: Store) -> None:
    """On SQLite nobody writes beside another."""
    start(store)
    held, _ = opened(store), opened(store)
    with store.engine.connect() as connection, connection.begin():
        connection.execute(sa.text(f"SELECT 1 FROM api_call WHERE id = {held} FOR UPDATE"))
        assert store.ledger.lose_open(None) == 1
    assert outcomes(store) == ["open", "lost"]


def test_a_call_ends_in_one_of_the_known_ways(store: Store) -> None:
    start(store)
    opened(store)
    with pytest.raises(StoreError, match="ck_api_call_outcome"):
        change(store, "UPDATE api_call SET outcome = 'ok'")
