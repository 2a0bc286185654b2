"""Service scoring with its threads, its ledger and a database, at services that do as the test says."""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from db.errors import DatabaseUnavailable
from db.records import ClaimedSegment, Face
from db.states import JobState
from db.store import Store
from tests.acceptance.runs import wait_until
from tests.support.calls import opening
from tests.support.dbmaking import admit, job_id, photo, rows, start
from tests.support.servicing import SPEC, gray_result, scores
from workers.desk import Desk, Terms
from workers.messages import Give
from workers.places import NamedPlaces
from workers.services.account import Account
from workers.services.base import BadPicture, Call, CropAnswer, ServiceCard
from workers.services.bookkeeper import Bookkeeper
from workers.services.cases import Ending, Failed, Item, Returned, Scored, open_case
from workers.services.catalogue import Opened
from workers.services.gate import Grant, Later, Outcome, Sleep
from workers.services.scoring import Manners, ServiceScoring
from workers.settings import Settings

MANNERS = Manners(is_patient=True, linger_s=None, redis_url=None)
PRICE = "ferplus-http=1.00"


class Reader:
    """A CropService that reads from a crop whose it is, and does before as it is told."""

    card = ServiceCard(name="ferplus-http", title="a reader", rate_per_s=1000.0, usd_per_1000=Decimal(0))

    def __init__(self, faces: int = 4, before: Callable[[set[int]], None] = lambda _marks: None) -> None:
        self.faces = faces
        self.before = before
        self.seen: list[tuple[int, int]] = []
        """Every face that was sent, as mark and number."""

    def faces_a_call(self) -> int:
        return self.faces

    def score(self, crops: NDArray[np.uint8]) -> CropAnswer:
        whose = [(int(crop[1, 1]), int(crop[0, 0])) for crop in crops]
        self.seen += whose
        self.before({mark for mark, _ in whose})
        given = np.array([scores(*one) for one in whose], np.float32)
        return CropAnswer(given, (None,) * len(crops), 1, "req", 200)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Nothing is open."""


class Post:
    """Service scoring as a desk uses it."""

    def __init__(self, store: Store, reader: Reader, prices: str | None = None) -> None:
        opened = Opened(reader, ("ferplus-http",))
        self.scoring = ServiceScoring(store, Settings(prices=prices), MANNERS, lambda _spec, _settings: opened)
        self.box: queue.SimpleQueue[Ending] = queue.SimpleQueue()

    def send(self, claims: list[ClaimedSegment], faces: int = 2) -> None:
        self.scoring.expect(self, more=True)
        for one in claims:
            self.scoring.submit(one, SPEC, gray_result(faces, one.fence.segment_id), self.box)
        self.scoring.expect(self, more=False)

    def endings(self, count: int) -> dict[int, Ending]:
        ended = [self.box.get(timeout=30) for _ in range(count)]
        return {one.claim.fence.segment_id: one for one in ended}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'moodreel.db'}", create=True) as opened:
        yield opened


def claims(store: Store, count: int, **job: Any) -> list[ClaimedSegment]:
    admit(store, start(store, **job), *(photo(f"{number}.jpg") for number in range(count)))
    return store.segments.claim("w", 60.0, count, job_id=job_id(1))


def ledger(store: Store) -> list[str]:
    return [outcome for (outcome,) in rows(store, "SELECT outcome FROM api_call ORDER BY id")]


def faces(ending: Ending) -> tuple[Face, ...]:
    assert isinstance(ending, Scored)
    return ending.result.frames[0].faces


def test_faces_of_many_photos_share_calls_and_each_gets_its_own_scores(store: Store) -> None:
    reader = Reader(faces=4)
    post = Post(store, reader)
    with post.scoring:
        post.send(claims(store, 6))
        ended = post.endings(6)
    for number, ending in ended.items():
        assert [face.scores for face in faces(ending)] == [scores(number, 0), scores(number, 1)]
    assert ledger(store) == ["answered"] * 3
    assert rows(store, "SELECT count(*) FROM paid_score") == [(12,)]


@pytest.mark.parametrize("prices", [None, PRICE])
def test_a_budget_is_never_passed_and_what_it_paid_for_is_never_asked_again(store: Store, prices: str | None) -> None:
    reader = Reader(faces=2)
    taken = claims(store, 8, max_calls=3)
    with (post := Post(store, reader, prices)).scoring:
        post.send(taken)
        first = post.endings(8)
        wait_until(lambda: store.jobs.get(job_id(1)).state is JobState.CANCELLED)
    assert len(ledger(store)) <= 3
    assert len(reader.seen) == 2 * len(ledger(store))
    assert {type(one) for one in first.values()} == {Scored, Returned}
    store.jobs.allow(job_id(1), 100, None)
    with (post := Post(store, reader, prices)).scoring:
        post.send(taken)
        ended = post.endings(8)
    assert {type(one) for one in ended.values()} == {Scored}
    assert len(reader.seen) == len(set(reader.seen)) == 16


def test_a_picture_that_is_refused_costs_no_other_its_scores(store: Store) -> None:
    taken = claims(store, 4)
    bad = taken[1].fence.segment_id

    def refuse(marks: set[int]) -> None:
        if bad in marks:
            raise BadPicture("service.picture", "not this one", "", Call(400))

    with (post := Post(store, Reader(before=refuse))).scoring:
        post.send(taken, faces=1)
        ended = post.endings(4)
    assert [face.scores for face in faces(ended.pop(bad))] == [None]
    assert all(face.scores is not None for ending in ended.values() for face in faces(ending))


@pytest.mark.logs_errors
def test_a_client_that_breaks_is_on_record_and_costs_only_what_it_broke_over(store: Store) -> None:
    taken = claims(store, 4)
    bad = taken[2].fence.segment_id

    def fall(marks: set[int]) -> None:
        if bad in marks:
            raise RuntimeError("for a test")

    with (post := Post(store, Reader(before=fall))).scoring:
        post.send(taken, faces=1)
        ended = post.endings(4)
    assert isinstance(ended.pop(bad), Failed)
    assert {type(one) for one in ended.values()} == {Scored}
    assert sorted(ledger(store)) == ["answered"] * 3 + ["unclear"] * 2
    assert rows(store, "SELECT min(transactions) FROM api_call") == [(1,)]


@pytest.mark.logs_errors
def test_a_service_that_cannot_say_what_it_takes_is_given_up_after_a_few_tries(store: Store) -> None:
    class Mute(Reader):
        def faces_a_call(self) -> int:
            raise RuntimeError("for a test")

    with (post := Post(store, Mute())).scoring:
        post.send(claims(store, 1))
        (ended,) = post.endings(1).values()
        assert isinstance(ended, Returned)
        assert post.scoring.trouble is not None
    assert not ledger(store)


def test_an_answer_that_comes_while_everything_closes_is_kept(store: Store) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def wait(_marks: set[int]) -> None:
        asked.set()
        may_answer.wait(30)

    post = Post(store, Reader(before=wait))
    post.send(claims(store, 1))
    assert asked.wait(30)
    closing = threading.Thread(target=post.scoring.close)
    closing.start()
    may_answer.set()
    closing.join()
    assert ledger(store) == ["answered"]
    assert rows(store, "SELECT count(*) FROM paid_score") == [(2,)]


class Turns:
    """A gate that grants its turns when the test says so."""

    pace_per_s = 1.0

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.granted = threading.Semaphore(0)

    def acquire(self, longest_s: float = 0.0, sleep: Sleep = time.sleep) -> Grant | Later:  # noqa: ARG002
        self.asked.release()
        assert self.granted.acquire(timeout=30)
        return Grant(0.0, 1.0, self)

    def answered(self, grant: Grant, outcome: Outcome) -> None:
        """Nothing is learnt."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Nothing is open."""


def items_of(one: ClaimedSegment) -> list[Item]:
    return open_case(one, SPEC, Give.GRAY, gray_result(1, one.fence.segment_id), queue.SimpleQueue())[1]


class Caller:
    """A call that waits for its turn in a thread of its own."""

    def __init__(self, account: Account, items: list[Item]) -> None:
        self.items = items
        self.landed: list[Any] = []
        call = account.call
        self.thread = threading.Thread(
            target=lambda: self.landed.append(call(job_id(1), items, lambda: items[0].is_wanted))
        )
        self.thread.start()


@pytest.mark.parametrize("price", [Decimal(0), Decimal("0.001")])
def test_what_is_withdrawn_while_it_waits_for_its_turn_is_not_sent(store: Store, price: Decimal) -> None:
    reader, turns, book = Reader(), Turns(), Bookkeeper(store.ledger)
    account = Account("ferplus-http", reader, turns, price, book, threading.Event())
    first, second = (Caller(account, items_of(one)) for one in claims(store, 2))
    assert turns.asked.acquire(timeout=30)
    for waiting in (first, second):
        waiting.items[0].case.ending = Returned(waiting.items[0].case.claim, 0.0)
    turns.granted.release()
    for waiting in (first, second):
        waiting.thread.join()
        assert waiting.landed[0].unsent == tuple(waiting.items)
    book.end(30)
    assert not reader.seen
    assert not ledger(store)


def test_a_ledger_that_has_ended_refuses_rather_than_to_keep_anybody_waiting(store: Store) -> None:
    book = Bookkeeper(store.ledger)
    book.end(30)
    with pytest.raises(DatabaseUnavailable, match="closed"):
        book.open(opening())


class Aside:
    """Services that only note what they are asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.withdrawn: list[Any] = []

    def submit(self, *_: Any) -> None:
        if self.error is not None:
            raise self.error

    def withdraw(self, _mailbox: Any, *, at_once: bool, segment_ids: Any) -> None:
        self.withdrawn.append((at_once, segment_ids))


def at_work(store: Store, folder: Path, services: Aside) -> tuple[Desk, ClaimedSegment]:
    """A desk, and a photo that it gave to a child."""
    path = folder / "0.jpg"
    path.write_bytes(b"x")
    found = path.stat()
    there = {"root": os.fsencode(folder), "size": 1, "mtime_ns": found.st_mtime_ns}
    admit(store, start(store, photo_analysis=SPEC.record()), photo("0.jpg", content="x", **there))
    desk = Desk(store, "w", NamedPlaces(), Terms(), cast("ServiceScoring", services))
    assignment = desk.take()
    assert assignment is not None
    return desk, assignment.claims[0]


def test_a_segment_that_cannot_be_handed_over_goes_back_uncharged(store: Store, tmp_path: Path) -> None:
    desk, one = at_work(store, tmp_path, Aside(DatabaseUnavailable("away")))
    desk.done(one, gray_result(1))
    assert not desk.is_awaiting
    desk.flush()
    assert not desk.holding
    assert rows(store, "SELECT state, failures, expiries FROM segment") == [("queued", 0, 0)]


def test_a_segment_whose_lease_is_lost_is_withdrawn_from_the_services(store: Store, tmp_path: Path) -> None:
    services = Aside()
    desk, one = at_work(store, tmp_path, services)
    desk.done(one, gray_result(1))
    store.segments.release_all()
    desk.extend()
    assert services.withdrawn == [(False, [one.fence.segment_id])]
    assert not desk.holding
