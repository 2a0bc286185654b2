"""What a run would come to, from counts alone."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.precedents import Found, KnownAnalysis, Wanted
from jobs.estimate import Estimate, Expense, Prospect, Terms, as_json, estimate, foresee
from jobs.prospect import finds_alike
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.services.prices import Price
from workers.services.rate import Rate

AZURE = Terms("Azure Face", False, 36, False, Rate(10, 1.0), Price(Decimal("1.00"), "list price"))
PICTURES = Terms("Azure Face", True, 1, False, Rate(20, 60.0), Price(Decimal("0.80"), "MOODREEL_PRICES"))
CONTAINER = Terms("the scoring container", False, 1, True, Rate(1000, 1.0), Price(Decimal(0), "list price"))
WANTED = [Wanted("photo", True, 1), Wanted("film", False, 60), Wanted("clip", False, 10)]


def found(frames: int, faces: int, *, complete: bool = True, whole: bool = True) -> Found:
    return Found(frames, faces, complete, complete and whole)


def expense_of(made: Estimate) -> Expense:
    assert made.expense is not None
    return made.expense


def test_what_nobody_has_looked_at_is_all_new() -> None:
    assert foresee(WANTED, {}, {}) == Prospect(photos=1, video_frames=70, frames_new=71, frames_unseen=71)


def test_what_the_same_analysis_has_done_is_left_out_also_where_it_was_stopped_half_way() -> None:
    done = {"film": found(60, 55), "clip": found(4, 3, complete=False)}
    assert foresee(WANTED, done, {}) == Prospect(1, 70, media_done=1, frames_new=7, frames_unseen=7)


def test_faces_that_another_scorer_was_given_are_counted_and_those_of_what_is_done_are_not_counted_again() -> None:
    seen = {"film": found(60, 90), "clip": found(10, 9)}
    assert foresee(WANTED, {}, seen).faces_known == 99
    half = foresee(WANTED, {"clip": found(4, 3, complete=False)}, seen)
    assert (half.faces_known, half.frames_new, half.frames_unseen) == (90 + 6, 67, 1)


def test_an_analysis_of_which_a_part_failed_has_not_counted_every_face() -> None:
    prospect = foresee(WANTED, {}, {"film": found(50, 40, whole=False)})
    assert (prospect.faces_known, prospect.frames_unseen) == (0, 71)


def test_sheets_are_counted_full_and_the_last_as_well() -> None:
    for faces, calls in ((0, 0), (1, 1), (36, 1), (37, 2)):
        made = estimate(Prospect(faces_known=faces, frames_new=9), AZURE, 1.0)
        assert (made.faces, expense_of(made).calls, expense_of(made).transactions) == (faces, calls, calls)


def test_a_service_that_finds_faces_itself_is_called_once_a_frame_and_nothing_is_assumed() -> None:
    made = estimate(foresee(WANTED, {}, {}), PICTURES, 3.0)
    assert (made.faces, made.assumptions, expense_of(made).calls) == (None, (), 71)
    assert expense_of(made).cost == Decimal("0.0568")


def test_what_is_assumed_is_said_and_what_is_counted_is_not_assumed() -> None:
    prospect = foresee(WANTED, {}, {"film": found(60, 90)})
    made = estimate(prospect, AZURE, 0.5)
    assert (made.faces, made.faces_assumed) == (90 + 6, 6)
    assert made.assumptions == (
        "0.5 faces a frame where nobody has looked for them yet (--faces-per-frame)",
        "36 faces a picture (--pack), each found there; what is not is sent again alone",
    )
    alone = Terms("Azure Face", False, 1, False, AZURE.rate, AZURE.price)
    assert estimate(Prospect(faces_known=3, frames_new=3), alone, 1.0).assumptions == ()


def test_a_container_takes_a_face_a_call_and_perhaps_more_and_costs_nothing() -> None:
    made = estimate(Prospect(faces_known=9, frames_new=9), CONTAINER, 1.0)
    assert (expense_of(made).calls, expense_of(made).cost) == (9, 0)
    assert made.assumptions == ("one face a call; a container of `moodreel serve` takes more",)


def test_calls_take_the_time_that_the_rate_gate_gives_them() -> None:
    assert expense_of(estimate(Prospect(frames_new=200), PICTURES, 1.0)).time_at_rate_s == pytest.approx(600, rel=0.01)
    slow = Terms("Azure Face", False, 1, False, Rate(10, 1.0), AZURE.price)
    made = estimate(Prospect(faces_known=1000, frames_new=1000), slow, 1.0)
    assert expense_of(made).time_at_rate_s == pytest.approx(108)


def test_what_scores_here_costs_nothing_and_its_faces_are_told_all_the_same() -> None:
    made = estimate(foresee(WANTED, {}, {}), None, 1.0)
    assert (made.faces, made.expense) == (71, None)
    shown = as_json(made)
    assert (shown["calls"], shown["cost_usd"], shown["rate"]) == (None, None, None)


def test_a_program_gets_plain_values() -> None:
    shown = as_json(estimate(foresee(WANTED, {}, {}), PICTURES, 1.0))
    assert shown == {
        "photos": 1, "video_frames": 70, "frames": 71, "frames_to_analyse": 71, "faces": None, "faces_assumed": 0,
        "assumptions": [], "calls": 71, "transactions": 71, "cost_usd": 0.0568, "usd_per_1000": 0.8,
        "price_from": "MOODREEL_PRICES", "rate": "20/min", "time_at_rate_s": pytest.approx(213.3, abs=0.1),
    }  # fmt: skip


counts = st.integers(0, 10_000)


@given(counts, counts, st.integers(1, 100), st.floats(0, 50).map(lambda number: round(number, 3)))
def test_no_call_too_few_and_none_too_many(known: int, unseen: int, pack: int, each: float) -> None:
    terms = Terms("Azure Face", False, pack, False, Rate(10, 1.0), AZURE.price)
    made = estimate(Prospect(faces_known=known, frames_unseen=unseen, frames_new=unseen), terms, each)
    calls = expense_of(made).calls
    assert made.faces is not None
    assert (calls - 1) * pack < made.faces <= calls * pack or made.faces == calls == 0
    assert 0 <= made.faces_assumed - unseen * Fraction(str(each)) < 1


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50), st.booleans(), st.integers(0, 99)), max_size=6))
def test_new_frames_are_those_asked_for_without_those_done(media: list[tuple[int, int, bool, int]]) -> None:
    wanted = [Wanted(str(at), False, targets) for at, (targets, *_) in enumerate(media)]
    done = {str(at): found(min(had, asked), 0, complete=full) for at, (asked, had, full, _) in enumerate(media) if had}
    seen = {str(at): found(asked, faces) for at, (asked, *_, faces) in enumerate(media) if faces % 2}
    prospect = foresee(wanted, done, seen)
    left = sum(0 if had and full else asked - min(had, asked) for asked, had, full, _ in media)
    assert prospect.frames_new == left
    assert prospect.frames_unseen <= left <= prospect.frames


SPEC = AnalysisSpec(Sampling(), DetectorSpec(model_sha256="d"), ScorerSpec("azure", pack=36))


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (AnalysisSpec(Sampling(), DetectorSpec(model_sha256="d"), ScorerSpec("none")), True),
        (AnalysisSpec(Sampling(), DetectorSpec(model_sha256="d", min_face=64), ScorerSpec("none")), False),
        (AnalysisSpec(Sampling(), DetectorSpec(model_sha256="e"), ScorerSpec("none")), False),
        (AnalysisSpec(Sampling(interval_s=Fraction(2)), DetectorSpec(model_sha256="d"), ScorerSpec("none")), False),
        (AnalysisSpec(None, DetectorSpec(model_sha256="d"), ScorerSpec("none")), False),
        (AnalysisSpec(Sampling(), DetectorSpec(model_sha256="d"), ScorerSpec("none"), 99), False),
    ],
    ids=["scorer", "smaller faces", "weights", "sampling", "photos", "revision"],
)
def test_only_the_scorer_may_differ_where_faces_are_the_same(other: AnalysisSpec, alike: bool) -> None:
    assert finds_alike(KnownAnalysis(1, "", other.to_json()), SPEC) is alike


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"sampling": {"mode": "guess"}}'])
def test_an_analysis_of_another_version_is_passed_over(text: str) -> None:
    assert not finds_alike(KnownAnalysis(1, "", text), SPEC)
