"""Segments that wait for a service: whatever becomes of their calls, each ends once, and with its own answers."""

import time
from collections import Counter as Tally
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from db.records import Problem
from tests.support.servicing import ANSWERED, SPEC, Box, claim, failure, gray_result, said, scores
from workers.messages import Give
from workers.services.account import Landed
from workers.services.base import Call
from workers.services.cases import Failed, Item, Returned, Scored, open_case
from workers.services.lines import MOST_IN_A_ROW, Counter, Line
from workers.services.waiting import MOST_LINES, Waiting

MOST = 3
NOT_SENT = Call(None)
BROKEN = Problem("service.error", "for a test", "nothing", permanent=False)
FAULTS = ("badpicture", "nonsense", "refused", "throttled", "unavailable")


class Room:
    """A Waiting with one account, as a process has it."""

    def __init__(self, *, is_patient: bool = True, linger_s: float | None = None, most: int | None = MOST) -> None:
        self.waiting = Waiting(is_patient=is_patient, linger_s=linger_s)
        self.counter = Counter(cast("Any", SimpleNamespace(scorer="ferplus-http")))
        self.most = most
        self.box = Box()
        self.numbers = iter(range(1, 1_000_000))

    def line(self, job_id: str = "job") -> Line | None:
        return self.waiting.line(job_id, SPEC, lambda: Line(job_id, self.counter, self.most))

    def come(self, faces: int, job_id: str = "job", box: Box | None = None) -> int:
        number = next(self.numbers)
        case, items = open_case(claim(number, job_id), SPEC, Give.GRAY, gray_result(faces), box or self.box)
        self.waiting.admit(case, items, self.line(job_id))
        return number

    def take(self) -> tuple[Line, list[Item]]:
        load = self.waiting.take()
        assert load is not None
        return load[0], list(load[1])

    def proven(self) -> Self:
        """The same with an account that has answered before."""
        self.counter.is_proven = True
        return self

    def open_again(self) -> None:
        """Time passes."""
        self.counter.closed_until = 0.0
        for line in {id(line): line for line in self.lines}.values():
            line.spent_until = 0.0

    @property
    def lines(self) -> list[Line]:
        return list(self.waiting.lines)

    def fail(self, how: str, call: Call = ANSWERED) -> None:
        """The next call fails."""
        line, items = self.take()
        self.waiting.land(line, items, failed(items, how, call))

    def answer(self) -> None:
        line, items = self.take()
        self.waiting.land(line, items, answered(items))

    @property
    def ended(self) -> dict[int, Any]:
        return {one.claim.fence.segment_id: one for one in self.box.endings}


def failed(items: list[Item], how: str, call: Call = ANSWERED) -> Landed:
    return Landed(unsent=tuple(items), error=failure(how, call), left_at=time.monotonic())


def answered(items: list[Item]) -> Landed:
    return Landed(said=said(items), left_at=time.monotonic())


def test_a_face_that_the_service_stumbles_over_costs_those_beside_it_nothing() -> None:
    room = Room()
    good, bad, other = room.come(1), room.come(1), room.come(1)
    for _ in range(60):
        load = room.waiting.take()
        if load is None:
            break
        line, items = load[0], list(load[1])
        stumbles = any(item.case.claim.fence.segment_id == bad for item in items)
        room.waiting.land(line, items, failed(items, "unavailable") if stumbles else answered(items))
    assert isinstance(room.ended[good], Scored)
    assert isinstance(room.ended[other], Scored)
    assert isinstance(room.ended[bad], Failed)
    assert room.counter.trouble is None


@pytest.mark.logs_errors
def test_an_outage_is_charged_to_no_segment() -> None:
    room = Room(is_patient=False)
    first, second = room.come(MOST), room.come(MOST)
    for _ in range(MOST_IN_A_ROW):
        room.fail("unavailable", NOT_SENT)
    assert all(isinstance(room.ended[number], Returned) for number in (first, second))
    assert room.counter.trouble is not None
    assert room.ended[first].delay_s > 0


def test_the_last_picture_of_a_job_does_not_go_round_for_ever() -> None:
    room = Room()
    number = room.come(1)
    for _ in range(MOST_IN_A_ROW):
        room.fail("unavailable")
    assert isinstance(room.ended[number], Failed)
    assert room.counter.trouble is None


@pytest.mark.logs_errors
def test_a_service_that_is_away_is_not_blamed_on_the_last_picture() -> None:
    room = Room()
    number = room.come(1)
    for _ in range(MOST_IN_A_ROW):
        room.fail("unavailable", NOT_SENT)
    assert isinstance(room.ended[number], Returned)
    assert room.counter.trouble is not None


def test_calls_that_a_moment_of_outage_ended_together_count_once() -> None:
    room = Room(most=1).proven()
    for _ in range(2 * MOST_IN_A_ROW):
        room.come(1)
    loads = [room.take() for _ in range(2 * MOST_IN_A_ROW)]
    landings = [(line, items, failed(items, "unavailable", NOT_SENT)) for line, items in loads]
    for line, items, landed in landings:
        room.waiting.land(line, items, landed)
    assert room.counter.trouble is None
    assert not room.box.endings


@pytest.mark.logs_errors
def test_a_call_that_comes_home_late_neither_opens_a_closed_account_nor_hides_why() -> None:
    room = Room(most=1).proven()
    for _ in range(3):
        room.come(1)
    loads = [room.take() for _ in range(3)]
    room.waiting.land(*loads[0], failed(loads[0][1], "refused"))
    closed_until = room.counter.closed_until
    room.waiting.land(*loads[1], answered(loads[1][1]))
    room.waiting.land(*loads[2], Landed(unsent=tuple(loads[2][1]), later_s=0.0))
    assert room.counter.closed_until == closed_until
    assert room.counter.trouble is not None
    assert len(room.box.endings) == 3  # the last waits for nothing


@pytest.mark.logs_errors
def test_until_one_is_answered_calls_go_one_at_a_time_so_that_a_refusal_is_met_once() -> None:
    room = Room(most=1)
    for _ in range(4):
        room.come(1)
    line, items = room.take()
    assert room.waiting.take() is None
    room.waiting.land(line, items, answered(items))
    loads = [room.take(), room.take()]
    room.waiting.land(*loads[0], failed(loads[0][1], "refused"))
    room.waiting.land(*loads[1], answered(loads[1][1]))
    room.open_again()
    room.come(1)
    room.come(1)
    room.take()
    assert room.waiting.take() is None


@pytest.mark.logs_errors
def test_what_comes_to_a_closed_account_goes_back_at_once() -> None:
    room = Room(is_patient=False)
    room.come(1)
    room.fail("refused")
    late = room.come(1)
    assert isinstance(room.ended[late], Returned)
    assert room.ended[late].delay_s > 0


def test_a_line_with_a_call_under_way_is_not_forgotten_however_many_jobs_come() -> None:
    room = Room()
    number = room.come(1)
    line, items = room.take()
    for job in range(2 * MOST_LINES):
        room.line(f"job {job}")
    room.waiting.land(line, items, failed(items, "throttled"))
    room.answer()
    assert isinstance(room.ended[number], Scored)
    assert len(room.lines) <= 2 * MOST_LINES


def test_jobs_that_are_over_are_forgotten() -> None:
    room = Room()
    for job in range(3 * MOST_LINES):
        room.come(1, f"job {job}")
        room.answer()
    assert len(room.lines) <= MOST_LINES


def test_a_face_to_be_sent_alone_stays_alone_when_its_call_was_throttled() -> None:
    room = Room()
    room.come(2)
    line, items = room.take()
    room.waiting.land(line, items, failed(items, "badpicture"))
    room.fail("throttled")
    room.come(MOST)
    assert len(room.take()[1]) == 1


def test_only_faces_that_were_sent_are_set_apart() -> None:
    room = Room()
    room.come(MOST)
    line, items = room.take()
    sent, left = tuple(items[:2]), tuple(items[2:])
    landed = Landed(unsent=sent, left=left, error=failure("badpicture"), left_at=time.monotonic())
    room.waiting.land(line, items, landed)
    assert [item.goes_alone for item in items] == [True, True, False]
    assert [item.tries for item in items] == [0, 0, 0]


def test_what_is_left_over_lingers_from_when_it_came() -> None:
    room = Room(linger_s=60.0)
    room.waiting.expecting.add("a bench")
    room.come(MOST + 1)
    line, items = room.take()
    line.waiting[0].came_at += 100.0  # it came later than those
    assert line.since > items[0].came_at
    assert room.waiting.take() is None


def test_a_break_in_our_own_code_costs_only_the_segment_that_it_is_about() -> None:
    room = Room()
    good, bad = room.come(1), room.come(1)
    while (load := room.waiting.take()) is not None:
        line, items = load[0], list(load[1])
        if any(item.case.claim.fence.segment_id == bad for item in items):
            room.waiting.broke(line, items, BROKEN)
        else:
            room.waiting.land(line, items, answered(items))
    assert isinstance(room.ended[good], Scored)
    assert room.ended[bad] == Failed(room.ended[bad].claim, BROKEN)


def test_a_spent_budget_returns_what_waits_and_keeps_what_is_under_way() -> None:
    room = Room(most=1).proven()
    room.come(1)
    room.come(1)
    room.come(1)
    flying, refused = room.take(), room.take()
    room.waiting.land(*refused, Landed(unsent=tuple(refused[1]), is_spent=True))
    assert [type(room.ended[number]) for number in (2, 3)] == [Returned, Returned]
    room.waiting.land(*flying, answered(flying[1]))
    assert isinstance(room.ended[1], Scored)
    assert room.line() is None


class Fates(RuleBasedStateMachine):
    """Anything may become of a call, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.room = Room(is_patient=False, most=None)
        self.boxes = [Box(), Box()]
        self.cases: dict[int, Any] = {}
        self.flights: list[tuple[Line, list[Item]]] = []
        self.asking: list[Line] = []

    @rule(faces=st.integers(0, 5), job=st.sampled_from("ab"), box=st.integers(0, 1))
    def come(self, faces: int, job: str, box: int) -> None:
        number = next(self.room.numbers)
        case, items = open_case(claim(number, job), SPEC, Give.GRAY, gray_result(faces), self.boxes[box])
        self.cases[number] = case
        self.room.waiting.admit(case, items, self.room.line(job))

    @rule()
    def take(self) -> None:
        load = self.room.waiting.take()
        if load is None:
            return
        line, items = load[0], list(load[1])
        if not items:
            self.asking.append(line)
            return
        for item in items:
            assert item.is_wanted
            assert item.at not in item.case.answers
            assert all(item not in flying for _, flying in self.flights)
        self.flights.append((line, items))

    @precondition(lambda self: self.asking)
    @rule(answer=st.sampled_from((1, MOST, "unavailable", "refused")))
    def asked(self, answer: int | str) -> None:
        told = failure(answer) if isinstance(answer, str) else answer
        self.room.waiting.asked(self.asking.pop(), told, time.monotonic())

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 99), cut=st.integers(0, 5), how=st.sampled_from((*FAULTS, "away")))
    def fail(self, which: int, cut: int, how: str) -> None:
        line, items = self._down(which)
        error = failure("unavailable", NOT_SENT) if how == "away" else failure(how)
        sent = max(1, len(items) - cut)
        landed = Landed(unsent=tuple(items[:sent]), left=tuple(items[sent:]), error=error, left_at=time.monotonic())
        self.room.waiting.land(line, items, landed)

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 99), missing=st.integers(0, 2), cut=st.integers(0, 2))
    def answer(self, which: int, missing: int, cut: int) -> None:
        line, items = self._down(which)
        sent = max(1, len(items) - cut)
        seen = max(0 if sent > 1 else 1, sent - missing)
        landed = Landed(said(items[:seen]), tuple(items[seen:sent]), left=tuple(items[sent:]), left_at=1.0)
        self.room.waiting.land(line, items, landed)

    @precondition(lambda self: self.flights)
    @rule(which=st.integers(0, 99), how=st.sampled_from(("soon", "late", "spent", "unwanted", "broke")))
    def stay(self, which: int, how: str) -> None:
        line, items = self._down(which)
        unsent = tuple(items)
        match how:
            case "broke":
                self.room.waiting.broke(line, items, BROKEN)
            case "spent":
                self.room.waiting.land(line, items, Landed(unsent=unsent, is_spent=True))
            case _:
                later_s = {"soon": 1.0, "late": 100.0, "unwanted": None}[how]
                self.room.waiting.land(line, items, Landed(unsent=unsent, later_s=later_s))

    @rule(box=st.integers(0, 1), at_once=st.booleans(), some=st.none() | st.sets(st.integers(1, 20), max_size=3))
    def withdraw(self, box: int, at_once: bool, some: set[int] | None) -> None:
        self.room.waiting.withdraw(self.boxes[box], some, at_once=at_once)

    @rule()
    def time_passes(self) -> None:
        self.room.open_again()

    @invariant()
    def every_case_ends_once_and_has_all_its_faces_until_then(self) -> None:
        waiting = Tally(item.case.claim.fence.segment_id for item in self.room.waiting.items)
        flying = Tally(item.case.claim.fence.segment_id for _, items in self.flights for item in items)
        endings = Tally(one.claim.fence.segment_id for box in self.boxes for one in box.endings)
        for number, case in self.cases.items():
            assert endings[number] <= 1
            if endings[number]:
                assert not waiting[number]
                continue
            calls = sum(any(item.case is case for item in items) for _, items in self.flights)
            assert case.flying == calls
            if case.ending is None:
                assert waiting[number] + flying[number] == case.left > 0
            else:  # it waits for what is under way, and for nothing else
                assert calls
                assert not waiting[number]

    @invariant()
    def lines_know_what_is_under_way(self) -> None:
        under_way = Tally(id(line) for line, _ in self.flights) + Tally(map(id, self.asking))
        assert all(line.flying == under_way[id(line)] for line in self.room.lines)

    @invariant()
    def every_answer_is_its_own_face_s(self) -> None:
        for ending in (one for box in self.boxes for one in box.endings if isinstance(one, Scored)):
            number = ending.claim.fence.segment_id
            faces = ending.result.frames[0].faces
            # A face that no picture could be made of has none.
            assert all(face.scores in (None, scores(number, at)) for at, face in enumerate(faces))

    def teardown(self) -> None:
        while self.flights:
            line, items = self.flights.pop()
            self.room.waiting.land(line, items, answered(items))
        while self.asking:
            self.room.waiting.asked(self.asking.pop(), MOST, time.monotonic())
        self.room.open_again()
        while (load := self.room.waiting.take()) is not None:
            if load[1]:
                self.room.waiting.land(load[0], load[1], answered(list(load[1])))
            else:
                self.room.waiting.asked(load[0], MOST, time.monotonic())
        endings = Tally(one.claim.fence.segment_id for box in self.boxes for one in box.endings)
        assert endings == Tally(self.cases.keys())
        assert not self.room.waiting.items

    def _down(self, which: int) -> tuple[Line, list[Item]]:
        return self.flights.pop(which % len(self.flights))


TestFates = pytest.mark.logs_errors(Fates.TestCase)
TestFates.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
