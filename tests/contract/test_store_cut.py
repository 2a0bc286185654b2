"""A connection that is cut in the middle of a commit: whether it took effect or not, the rows and what the caller is
told are those of a store that nobody disturbed, and nothing is charged twice.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from db.forget_find import Selection
from db.records import ClaimedSegment, Frame, Problem, SegmentCommit, SegmentFailure
from db.results import COPY_ROWS
from db.states import SegmentState
from db.store import Store
from tests.support.cutting import Cut, CuttingProxy
from tests.support.databases import postgres_database
from tests.support.dbmaking import (
    admit,
    change,
    counted_truth,
    counters,
    job_id,
    photo,
    result_of,
    rows,
    some_face,
    start,
    unreadable,
    video,
)
from tests.support.postgres import Server
from tests.support.programs import await_true

PATIENCE_S = 20.0
CRASH = Problem("child.crashed", "it was killed", "look at its log", permanent=False)
GONE = Problem("file.gone", "it is not there", "put it back")
EVERYTHING = {
    "jobs": "SELECT id, name, state, skipped, sealed_at IS NULL, cancelled_at IS NULL FROM job ORDER BY 1",
    "files": "SELECT job_id, path, tags_json, error_code, media_id IS NULL FROM job_file ORDER BY 1, 2",
    "segments": """
        SELECT m.path, s.ordinal, s.state, s.wanted, s.attempt, s.failures, s.max_failures, s.expiries, s.owner,
               s.lease_until IS NULL, s.not_before IS NULL, s.dispatched_at IS NULL, s.error_code
        FROM segment s JOIN media_analysis ma ON ma.id = s.media_analysis_id JOIN media m ON m.id = ma.media_id
        ORDER BY 1, 2
    """,
    "frames": "SELECT path, pts, time_s, faces, faces_dropped FROM frames ORDER BY 1, 2",
    "faces": "SELECT path, pts, face, box_x, happiness, valence FROM emotions ORDER BY 1, 2, 3",
    "hashes": "SELECT path, sha256 FROM path_hash ORDER BY 1",
}


@pytest.fixture
def backend() -> str:
    """SQLite has no connection to cut."""
    return "postgresql"


@pytest.fixture
def undisturbed(postgres: Server, postgres_template: str) -> Iterator[Store]:
    """The same as `store`, in a database of its own."""
    for url in postgres_database(postgres, postgres_template):
        with Store.open(url, patience_s=PATIENCE_S) as opened:
            yield opened


def prepared(store: Store) -> list[ClaimedSegment]:
    """A job with a video, two photos and a broken file; all its segments but the last are claimed."""
    admit(store, start(store), video("a.mp4", 3), photo("b.jpg"), photo("c.jpg"), unreadable("d.jpg"))
    return store.segments.claim("first", 60.0, 4)


def everything(store: Store) -> dict[str, Any]:
    """All rows, without what differs from one run to the next (numbers given by the database, moments)."""
    assert {number: truth | counters(store)[number] for number, truth in counted_truth(store).items()} == counters(
        store
    )
    return {name: rows(store, statement) for name, statement in EVERYTHING.items()}


def claimed_as(claims: list[ClaimedSegment]) -> list[tuple[Any, ...]]:
    return [(claim.path, claim.spec.ordinal, claim.fence.attempt, claim.locations) for claim in claims]


def fail(problem: Problem) -> Callable[[Store, list[ClaimedSegment]], Any]:
    def act(store: Store, held: list[ClaimedSegment]) -> Any:
        outcomes = store.segments.fail([SegmentFailure(claim.fence, problem) for claim in held])
        return [(outcome.accepted, outcome.state) for outcome in outcomes]

    return act


def commit(store: Store, held: list[ClaimedSegment]) -> Any:
    outcomes = store.segments.commit([result_of(claim) for claim in held])
    return [(outcome.accepted, outcome.state) for outcome in outcomes]


def commit_unsound(store: Store, held: list[ClaimedSegment]) -> Any:
    """One of the results holds a number that is none."""
    bad = Frame(0, 0.0, (some_face((float("nan"), *(0.1 for _ in range(7)))),))
    outcomes = store.segments.commit([SegmentCommit(held[0].fence, (bad,)), *map(result_of, held[1:])])
    return [(outcome.accepted, outcome.state) for outcome in outcomes]


ACTIONS: dict[str, Callable[[Store, list[ClaimedSegment]], Any]] = {
    "claim": lambda store, _: claimed_as(store.segments.claim("second", 60.0, 5)),
    "commit": commit,
    "commit-unsound": commit_unsound,
    "fail": fail(CRASH),
    "fail-for-good": fail(GONE),
    "give-back": lambda store, held: store.segments.give_back([claim.fence for claim in held], 30.0),
    "extend": lambda store, held: store.segments.extend([claim.fence for claim in held], 60.0),
    "admit": lambda store, _: store.intake.admit(job_id(1), [photo("e.jpg"), video("f.mp4"), photo("b.jpg")]),
    "create": lambda store, _: start(store, 2).name,
    "seal": lambda store, _: store.jobs.seal(job_id(1)),
    "cancel": lambda store, _: store.jobs.cancel(job_id(1)),
    "retry": lambda store, _: store.jobs.retry(job_id(1)),
    "forget": lambda store, _: store.forgetting.forget(Selection("all", job_id(1), files=sa.true())),
}
"""What is done, and what the caller is told of it."""


@pytest.mark.parametrize("when", [Cut.BEFORE, Cut.AFTER])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_commit_that_is_cut_ends_like_one_that_is_not(
    action: str, when: Cut, store: Store, undisturbed: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    expected = ACTIONS[action](undisturbed, prepared(undisturbed))
    held = prepared(store)
    proxy.cut(when)
    assert ACTIONS[action](cut_off, held) == expected
    assert proxy.cuts == 1
    assert everything(store) == everything(undisturbed)


def test_a_claim_of_which_nobody_heard_leaves_nothing_running_that_its_owner_does_not_hold(
    store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    earlier = prepared(store)
    proxy.cut(Cut.AFTER)
    held = cut_off.segments.claim("first", 60.0, 5)
    assert len(held) == 1
    assert rows(store, "SELECT id, attempt FROM segment WHERE state = 'running' ORDER BY 1") == sorted(
        (claim.fence.segment_id, claim.fence.attempt) for claim in [*earlier, *held]
    )


def test_a_claim_that_was_lost_is_not_taken_for_one_that_somebody_of_the_same_name_made(
    store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    admit(store, start(store), video("a.mp4", 2))
    theirs: list[ClaimedSegment] = []
    proxy.cut(Cut.BEFORE, meanwhile=lambda: theirs.extend(store.segments.claim("first", 60.0, 2)))
    assert cut_off.segments.claim("first", 60.0, 2) == []
    assert len(theirs) == 2


def test_a_claim_that_stands_in_part_is_held_in_part(store: Store, cut_off: Store, proxy: CuttingProxy) -> None:
    admit(store, start(store), video("a.mp4", 3))
    proxy.cut(Cut.AFTER, meanwhile=lambda: expire(store, "ordinal = 1"))
    held = cut_off.segments.claim("first", 60.0, 3)
    assert [(claim.spec.ordinal, claim.fence.attempt) for claim in held] == [(0, 1), (2, 1)]


def test_a_claim_that_ran_out_meanwhile_is_made_anew(store: Store, cut_off: Store, proxy: CuttingProxy) -> None:
    admit(store, start(store), video("a.mp4", 2))
    proxy.cut(Cut.AFTER, meanwhile=lambda: expire(store))
    assert [claim.fence.attempt for claim in cut_off.segments.claim("first", 60.0, 2)] == [2, 2]


def test_a_failure_that_took_effect_is_accepted_though_another_works_on_its_segment_already(
    store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    admit(store, start(store), video("a.mp4", 2))
    held = store.segments.claim("first", 60.0, 2)
    proxy.cut(Cut.AFTER, meanwhile=lambda: store.segments.claim("second", 60.0, 2))
    assert fail(CRASH)(cut_off, held) == [(True, SegmentState.QUEUED)] * 2
    assert rows(store, "SELECT attempt, failures, owner FROM segment") == [(2, 1, "second")] * 2


def test_what_was_given_back_counts_as_given_back_though_another_works_on_it_already(
    store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    admit(store, start(store), video("a.mp4", 2))
    held = store.segments.claim("first", 60.0, 2)
    proxy.cut(Cut.AFTER, meanwhile=lambda: store.segments.claim("second", 60.0, 2))
    assert cut_off.segments.give_back([claim.fence for claim in held]) == 2
    assert rows(store, "SELECT attempt, failures, owner FROM segment") == [(2, 0, "second")] * 2


@pytest.mark.parametrize("action", ["commit", "fail", "fail-for-good"])
def test_an_outcome_that_was_lost_is_refused_where_the_lease_ran_out_meanwhile(
    action: str, store: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    held = prepared(store)

    def others_take_over() -> None:
        expire(store)
        again = store.segments.claim("second", 60.0, 9)
        assert store.segments.fail([SegmentFailure(claim.fence, CRASH) for claim in again])

    proxy.cut(Cut.BEFORE, meanwhile=others_take_over)
    assert ACTIONS[action](cut_off, held) == [(False, None)] * 4
    assert rows(store, "SELECT DISTINCT state, failures, expiries FROM segment WHERE expiries = 1") == [
        ("queued", 1, 1)
    ]


@pytest.mark.parametrize("action", ["claim", "commit", "fail", "give-back", "admit", "create"])
def test_a_commit_that_the_server_is_still_busy_with_is_waited_for(
    action: str, store: Store, undisturbed: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    """It is settled by what it comes to, not by what can be seen meanwhile."""
    expected = ACTIONS[action](undisturbed, prepared(undisturbed))
    held = prepared(store)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    proxy.cut(
        Cut.LATE, meanwhile=lambda: await_true(lambda: bool(rows(store, waiting)), lambda: "nobody waits", PATIENCE_S)
    )
    assert ACTIONS[action](cut_off, held) == expected
    assert proxy.cuts == 1
    assert everything(store) == everything(undisturbed)


def test_a_connection_that_is_cut_in_the_middle_of_a_copy_is_made_anew(
    store: Store, undisturbed: Store, cut_off: Store, proxy: CuttingProxy
) -> None:
    def act(over: Store, first: Store) -> Any:
        admit(first, start(first), video("a.mp4", 1))
        (claim,) = first.segments.claim("first", 60.0, 1)
        frames = tuple(Frame(number, number / 1000, ()) for number in range(COPY_ROWS))
        return over.segments.commit([SegmentCommit(claim.fence, frames)])[0].accepted

    proxy.cut(Cut.BEFORE, "COPY")
    assert act(cut_off, store)
    assert proxy.cuts == 1
    assert act(undisturbed, undisturbed)
    assert everything(store) == everything(undisturbed)


def expire(store: Store, which: str = "true") -> None:
    """Let the leases of running segments run out."""
    change(store, f"UPDATE segment SET lease_until = now() - interval '1 s' WHERE state = 'running' AND {which}")
    assert store.segments.expire()
