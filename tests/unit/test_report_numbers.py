"""What a report computes: bands, steps, curves, highlights, words."""

import base64
import gzip
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report.curve import NO_TRACK, UNKNOWN, Boxes, Curve, Shape, boxes_of, curve_of, packed
from jobs.report.groups import Member, courses_of, estimate, groupings, groups_of, quantile, resampled
from jobs.report.highlights import appearances, moments, strip
from jobs.report.steps import MOST_POINTS, MOST_STEPS, STEPS_S, Extent, count, points, steps_of
from jobs.report.words import clock, interval, length, percent, signed

NONE: Boxes = boxes_of([], 640, 480)
T_TABLE = {2: 12.706, 3: 4.303, 6: 2.571, 11: 2.228, 31: 2.042, 121: 1.980}
"""Student's t of 97.5 % by number of participants, as printed in any textbook."""


def curve(*means: tuple[float, ...] | None, step_s: float = 1.0, track: int | None = None) -> Curve:
    """A curve with one face in each step; None: a frame without a face."""
    seen = [(step, 1, int(one is not None)) for step, one in enumerate(means)]
    rows = [(step, track, 1, *one, one[1] - max(one[3:7])) for step, one in enumerate(means) if one is not None]
    return curve_of(Shape(0.0, step_s, len(means)), seen, rows, NONE)


def mostly(emotion: int, value: float = 0.8) -> tuple[float, ...]:
    rest = (1 - value) / 7
    return tuple(value if at == emotion else rest for at in range(8))


@pytest.mark.parametrize(("n", "t"), T_TABLE.items())
def test_the_band_is_students(n: int, t: float) -> None:
    assert float(quantile(np.array(n))) == pytest.approx(t, abs=6e-4)


def test_a_mean_over_participants_has_its_band() -> None:
    found = estimate(np.array([[1.0], [2.0], [3.0], [math.nan]]))
    assert (float(found.mean[0]), int(found.n[0])) == (2.0, 3)
    assert float(found.half[0]) == pytest.approx(4.3027 / math.sqrt(3), abs=1e-3)


def test_a_single_participant_has_a_mean_and_no_band() -> None:
    found = estimate(np.array([[0.25]]))
    assert float(found.mean[0]) == 0.25
    assert math.isnan(float(found.half[0]))


def test_a_participant_counts_once_however_many_recordings_there_are_of_them() -> None:
    shares = {at: tuple(float(at == place) for place in range(8)) for at in range(8)}
    many = [Member({"condition": "a", "participant": "P1"}, "P1", shares[0], 0.0) for _ in range(9)]
    other = Member({"condition": "a", "participant": "P2"}, "P2", shares[1], 1.0)
    (group,) = groups_of([*many, other], "condition", ["a"])
    assert (group.files, group.participants) == (10, 2)
    assert group.shares.mean.tolist()[:2] == [0.5, 0.5]
    assert float(group.valence.mean[0]) == 0.5


def test_a_tag_with_one_value_or_too_many_is_no_grouping() -> None:
    members = [
        Member({"participant": f"P{at}", "condition": "ab"[at % 2], "room": "1"}, f"P{at}", None, None)
        for at in range(20)
    ]
    assert groupings(members) == {"condition": ["a", "b"]}


def test_groups_are_compared_at_the_same_time_of_the_same_stimulus() -> None:
    happy, sad = mostly(1, 1.0), mostly(3, 1.0)
    members = [
        Member({"stimulus": "s", "condition": "a"}, "P1", (0.0,) * 8, 0.0, curve(happy, happy)),
        Member({"stimulus": "s", "condition": "a"}, "P2", (0.0,) * 8, 0.0, curve(happy, sad)),
        Member({"stimulus": "s", "condition": "b"}, "P3", (0.0,) * 8, 0.0, curve(sad, None)),
        Member({"stimulus": "alone", "condition": "b"}, "P3", (0.0,) * 8, 0.0, curve(sad, None)),
    ]
    everybody, by_condition = courses_of(members, ["condition", "stimulus"])
    assert (everybody.stimulus, everybody.tag, by_condition.tag) == ("s", "", "condition")
    first, second = by_condition.lines
    assert (first.value, first.participants, second.participants) == ("a", 2, 1)
    assert first.estimate.mean[:, 1].tolist() == [1.0, 0.5]
    assert first.estimate.n[:, 1].tolist() == [2, 2]
    assert np.isnan(second.estimate.mean[1]).all()


def test_a_curve_in_wider_steps_has_the_means_of_the_finer_ones() -> None:
    fine = curve(*(mostly(1, value) for value in (0.2, 0.4, 0.6, 0.8)), step_s=0.5)
    assert resampled(fine, 1.0, 2)[:, 1].tolist() == pytest.approx([0.2, 0.6])


def test_steps_are_as_fine_as_was_looked() -> None:
    ten_minutes = Extent(600.0, 600, 600, 600, None)
    assert steps_of([ten_minutes]) == [1.0]
    assert steps_of([Extent(10.0, 250, 250, 250, None)]) == [0.1]
    assert steps_of([Extent(7200.0, 7200, 7200, 7200, None)]) == [5.0]


@given(
    st.lists(
        st.builds(Extent, st.floats(0.1, 20_000), st.integers(1, 50_000), st.just(1000), st.integers(0, 100_000)),
        max_size=30,
    )
)
def test_a_page_never_holds_more_points_than_it_can_carry(extents: list[Extent]) -> None:
    steps = steps_of(extents)
    assert all(count(one.duration_s, step) <= MOST_STEPS + 1 for one, step in zip(extents, steps, strict=True))
    assert sum(map(points, extents, steps)) <= MOST_POINTS or set(steps) == {STEPS_S[-1]}


def test_a_strip_tells_what_is_strongest_where_no_face_was_and_where_nobody_looked() -> None:
    shown = curve(mostly(0), mostly(1), None, mostly(3))
    assert strip(shown) == "01.3"
    beyond = curve_of(Shape(0.0, 1.0, 3), [(0, 1, 1)], [(0, None, 1, *mostly(1), 0.5)], NONE)
    assert strip(beyond) == "1  "


def test_moments_are_the_peaks_of_what_is_not_neutral() -> None:
    found = moments(curve(mostly(0, 0.9), mostly(1, 0.7), mostly(3, 0.6), mostly(1, 0.9), mostly(2, 0.35)))
    assert [(one.time_s, one.emotion) for one in found] == [(2.0, 3), (3.0, 1)]


def test_an_appearance_says_when_and_what() -> None:
    (one,) = appearances(curve(None, mostly(1), mostly(1), track=4))
    assert (one.track, one.start_s, one.end_s, one.faces, one.emotion) == (4, 1.0, 2.0, 2, 1)
    assert appearances(curve(mostly(1))) == ()


def test_a_curve_on_its_way_to_the_page_keeps_what_is_drawn() -> None:
    row = (0, 40, 0, 1.5, 9, 0.9, "anger", 0.6, 64.0, 48.0, 320.0, 240.0)
    boxes = boxes_of([row], 640, 480)
    rows = [(0, 9, 2, *mostly(1), 0.5), (1, None, 1, *[None] * 9)]
    made = curve_of(Shape(0.0, 1.0, 2), [(0, 1, 1), (1, 300, 1)], rows, boxes)
    raw = gzip.decompress(base64.b64decode(packed(made, [9])))
    time_ms = np.frombuffer(raw, "<i4", 1)[0]
    pairs = np.frombuffer(raw, "<u2", 13, offset=4)
    tail = np.frombuffer(raw, "u1", offset=4 + 2 * 13)
    assert time_ms == 1500
    assert pairs.tolist() == [0, 1, 0, NO_TRACK, 2, 1, 0, 1000, 1000, 5000, 5000, 0, 1]
    assert tail[:4].tolist() == [1, 255, 1, 1]
    assert tail[4:8].tolist() == [round(0.2 / 7 * 250), UNKNOWN, 200, UNKNOWN]
    assert tail[-4:].tolist() == [188, UNKNOWN, 4, 150]


def test_numbers_are_put_as_people_read_them() -> None:
    assert [clock(0), clock(59.6), clock(3725)] == ["0:00", "1:00", "1:02:05"]
    assert [percent(0.0), percent(0.001), percent(0.5)] == [
        one.replace(" ", "\N{NO-BREAK SPACE}") for one in ("0 %", "<1 %", "50 %")
    ]
    assert [signed(-0.25), signed(-0.001), signed(1.0)] == ["\N{MINUS SIGN}0.25", "0.00", "+1.00"]
    assert interval(0.5, 0.061, percent) == "50\N{NO-BREAK SPACE}% ± 6"
    assert interval(0.5, math.nan, signed) == "+0.50"
    assert [length(5), length(65), length(60_000)] == ["5 s", "1 min 5 s", "16 h 40 min"]
