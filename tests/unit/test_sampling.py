"""Sampling as arithmetic: checked against the definition, target by target, on made-up timestamps."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.analysis import Sampling, SamplingMode
from workers.messages import Give
from workers.sampling import CutLimits, choose, cut_segments
from workers.video.derive import NO_PTS
from workers.video.index import Clock, PacketIndex

MILLI = Fraction(1, 1000)


def clock_of(stamps: list[int], time_base: Fraction = MILLI, start_us: int = 0) -> Clock:
    return Clock(time_base, start_us, min(stamps), max(stamps) + 40)


def by_definition(stamps: list[int], sampling: Sampling, clock: Clock) -> list[int]:
    """For every multiple of the interval within the video and the window: the last frame with pts <= target."""
    start_s, end_s = sampling.start_s, sampling.end_s
    chosen = set()
    target = Fraction(clock.first_pts)
    while target < clock.end_pts:
        time_s = target * clock.time_base - Fraction(clock.start_us, 1_000_000)
        if (start_s is None or time_s >= start_s) and (end_s is None or time_s < end_s):
            chosen.add(max(pts for pts in stamps if pts <= target))
        target += sampling.interval_s / clock.time_base
    return sorted(chosen)


def index_of(decode_order: list[int], keys: set[int]) -> PacketIndex:
    pts = np.array(decode_order, np.int64)
    nothing = np.zeros(len(pts), np.bool_)
    key = np.array([stamp in keys for stamp in decode_order], np.bool_)
    layer = np.zeros(len(pts), np.int8)
    return PacketIndex(pts, np.sort(pts), np.full(len(pts), 1, np.int64), key, ~nothing, nothing, layer)


STAMPS = st.lists(st.integers(-2_000, 5_000), min_size=1, max_size=60, unique=True).map(sorted)
INTERVALS = st.fractions(Fraction(1, 30), 3, max_denominator=1001)
BOUNDS = st.none() | st.fractions(0, 6, max_denominator=100)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(STAMPS, INTERVALS, BOUNDS, BOUNDS)
def test_the_frame_of_a_target_is_the_last_one_shown_at_or_before_it(
    stamps: list[int], interval_s: Fraction, start_s: Fraction | None, end_s: Fraction | None
) -> None:
    if start_s is not None and end_s is not None and end_s <= start_s:
        end_s = None
    sampling = Sampling(interval_s=interval_s, start_s=start_s, end_s=end_s)
    clock = clock_of(stamps)
    presented = np.array(stamps, np.int64)
    chosen = choose(presented, presented[:1], sampling, clock, (clock.first_pts, clock.end_pts))
    assert chosen.tolist() == by_definition(stamps, sampling, clock)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(STAMPS, INTERVALS, st.floats(0.05, 3), st.floats(0.05, 3), st.integers(1, 9), st.data())
def test_segments_of_any_length_together_want_what_the_whole_wants(
    stamps: list[int], interval_s: Fraction, segment_s: float, stretch_s: float, targets: int, data: st.DataObject
) -> None:
    keys = data.draw(st.sets(st.sampled_from(stamps))) | {stamps[0]}
    sampling = Sampling(data.draw(st.sampled_from(list(SamplingMode))), interval_s)
    clock = clock_of(stamps)
    index = index_of(stamps, keys)
    presented = index.presented()
    whole = choose(presented, index.keys(), sampling, clock, (clock.first_pts, clock.end_pts))
    segments = cut_segments(index, sampling, clock, 1.0, CutLimits(segment_s, stretch_s, targets))
    parts = [
        choose(presented, index.keys(), sampling, clock, (s.start_pts or 0, s.end_pts or 0)).tolist() for s in segments
    ]
    assert [pts for part in parts for pts in part] == whole.tolist()
    assert [len(part) for part in parts] == [segment.targets for segment in segments]
    assert all(segment.targets <= max(targets, 1) for segment in segments)
    assert [segment.ordinal for segment in segments] == list(range(len(segments)))


def test_the_interval_is_exact_over_hours_where_a_float_would_drift() -> None:
    ninety_khz = Fraction(1, 90_000)
    stamps = np.arange(0, 12 * 3600 * 90_000, 3003, dtype=np.int64)  # 29.97 frames a second for twelve hours
    clock = Clock(ninety_khz, 0, 0, int(stamps[-1]) + 3003)
    interval_s = Fraction(1001, 30_000) * 7
    chosen = choose(stamps, stamps[:1], Sampling(interval_s=interval_s), clock, (0, clock.end_pts))
    assert (chosen == stamps[::7]).all()


def test_a_denominator_beyond_64_bits_is_still_exact() -> None:
    stamps = np.arange(0, 2**40, 2**33, dtype=np.int64)
    interval_s = Fraction(2**33, 90_000) + Fraction(1, 10**12)
    clock = Clock(Fraction(1, 90_000), 0, 0, 2**40)
    chosen = choose(stamps, stamps[:1], Sampling(interval_s=interval_s), clock, (0, clock.end_pts))
    assert chosen.tolist() == stamps.tolist()  # each target falls just behind its frame


def test_a_rate_far_above_the_videos_own_gives_every_frame_and_no_more_work() -> None:
    stamps = np.arange(0, 3_600_000, 40, dtype=np.int64)
    clock = Clock(MILLI, 0, 0, 3_600_000)
    sampling = Sampling(interval_s=Fraction(1, 10**9))
    assert (choose(stamps, stamps[:1], sampling, clock, (0, clock.end_pts)) == stamps).all()


def test_a_window_picks_the_frame_on_screen_at_its_beginning_though_it_appeared_before() -> None:
    stamps = np.array([0, 900, 2_400], np.int64)
    clock = clock_of([0, 900, 2_400])
    chosen = choose(stamps, stamps[:1], Sampling(start_s=Fraction(2)), clock, (0, clock.end_pts))
    assert chosen.tolist() == [900]
    every = Sampling(SamplingMode.EVERY_FRAME, start_s=Fraction(2))
    assert choose(stamps, stamps[:1], every, clock, (0, clock.end_pts)).tolist() == [2_400]


def test_a_window_outside_the_video_wants_nothing_and_makes_no_segment() -> None:
    stamps = list(range(0, 1000, 40))
    window = Sampling(start_s=Fraction(10), end_s=Fraction(20))
    assert cut_segments(index_of(stamps, {0}), window, clock_of(stamps), 1.0) == ()


def test_the_window_counts_from_the_containers_start_as_times_do() -> None:
    stamps = np.array([5_000, 6_000, 7_000], np.int64)
    clock = Clock(MILLI, 5_000_000, 5_000, 8_000)
    chosen = choose(stamps, stamps[:1], Sampling(start_s=Fraction(1)), clock, (5_000, 8_000))
    assert chosen.tolist() == [6_000, 7_000]
    assert [clock.seconds(int(pts)) for pts in chosen] == [1, 2]


def test_segments_of_a_usual_video_are_a_minute_cut_at_key_frames() -> None:
    stamps = list(range(0, 300_000, 40))
    keys = {stamp for stamp in stamps if stamp % 10_000 == 0}
    segments = cut_segments(index_of(stamps, keys), Sampling(), clock_of(stamps), 2.0)
    assert [segment.start_pts for segment in segments] == [0, 60_000, 120_000, 180_000, 240_000]
    assert [segment.entry_pts for segment in segments] == [None, 60_000, 120_000, 180_000, 240_000]
    assert {segment.targets for segment in segments} == {60}
    assert segments[1].start_s == 60.0
    assert segments[1].end_s == 120.0


def test_a_stretch_without_key_frames_is_cut_at_120_seconds_and_decoded_from_the_one_before() -> None:
    stamps = list(range(0, 400_000, 40))
    segments = cut_segments(index_of(stamps, {0, 20_000}), Sampling(), clock_of(stamps), 1.0)
    lengths = [math.floor(segment.end_s - segment.start_s) for segment in segments]
    assert lengths == [20, 120, 120, 120, 20]
    assert [segment.entry_pts for segment in segments] == [None, 20_000, 20_000, 20_000, 20_000]


def test_six_hundred_targets_end_a_segment_however_short() -> None:
    stamps = list(range(0, 60_000, 10))
    segments = cut_segments(index_of(stamps, {0}), Sampling(SamplingMode.EVERY_FRAME), clock_of(stamps), 1.0)
    assert {segment.targets for segment in segments} == {600}


def test_a_video_with_derived_times_is_one_segment() -> None:
    index = index_of([0, 40, 40, 80], {0})
    segments = cut_segments(index, Sampling(SamplingMode.EVERY_FRAME), clock_of([0, 120]), 1.0)
    assert [(segment.entry_pts, segment.packets, segment.targets) for segment in segments] == [(None, 4, 4)]


def test_a_video_with_derived_times_is_cut_by_its_targets_where_pictures_of_it_are_to_wait() -> None:
    index = index_of([0, 40, 40, 80, 120, 160, 200], {0})
    limits = CutLimits(derived_targets=3)
    segments = cut_segments(index, Sampling(SamplingMode.EVERY_FRAME), clock_of([0, 240]), 1.0, limits)
    assert [segment.targets for segment in segments] == [3, 3, 1]
    assert [(segment.entry_pts, segment.packets) for segment in segments] == [(None, 7)] * 3
    assert [segment.end_pts for segment in segments[:-1]] == [segment.start_pts for segment in segments[1:]]
    assert (segments[0].start_pts, segments[-1].end_pts) == (0, 280)


def test_where_derived_times_hold_no_target_there_is_no_segment() -> None:
    nothing = Sampling(start_s=Fraction(10), end_s=Fraction(20))
    assert cut_segments(index_of([0, 40, 40, 80], {0}), nothing, clock_of([0, 120]), 1.0) == ()


def test_what_waits_for_a_service_is_held_in_smaller_segments() -> None:
    assert CutLimits.of(Give.SCORES) == CutLimits()
    assert {CutLimits.of(give).targets for give in (Give.GRAY, Give.CROPS, Give.PICTURES)} == {120}


@pytest.mark.parametrize(
    ("pts", "dts", "stamps"),
    [
        ([NO_PTS] * 4, [0, 40, 80, 120], [0, 40, 80, 120]),
        ([0, 40, 40, 80], [0, 40, 80, 120], [0, 40, 80, 120]),
        ([0, 40, 80, 0, 40, 80], [0, 40, 80, 0, 40, 80], [0, 40, 80, 120, 160, 200]),
        ([0, NO_PTS, NO_PTS, 120], [0, NO_PTS, NO_PTS, 120], [0, 40, 80, 120]),
        ([NO_PTS] * 3, [NO_PTS] * 3, [0, 40, 80]),
        ([NO_PTS] * 3, [NO_PTS, 0, 40], [-40, 0, 40]),
        ([0, 40, 40, 500, 540], [0, 40, 40, 500, 540], [0, 40, 80, 540, 580]),
    ],
    ids=["no-pts", "doubled", "starts-anew", "holes", "nothing-at-all", "late", "a-true-gap-stays"],
)
def test_missing_doubled_and_backward_times_are_derived_from_the_order(
    pts: list[int], dts: list[int], stamps: list[int]
) -> None:
    index = index_of(list(range(len(pts))), {0})
    broken = PacketIndex(
        np.array(pts, np.int64),
        np.array(dts, np.int64),
        np.full(len(pts), 40, np.int64),
        np.ones(len(pts), np.bool_),
        index.shown,
        index.corrupt,
        index.layer,
    )
    assert broken.timing == "derived"
    assert broken.presented().tolist() == stamps


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval_s": Fraction(0)},
        {"interval_s": Fraction(-1)},
        {"start_s": Fraction(-1)},
        {"start_s": Fraction(3), "end_s": Fraction(3)},
    ],
)
def test_a_sampling_that_makes_no_sense_is_refused(wrong: dict[str, Fraction]) -> None:
    with pytest.raises(ValueError, match="must"):
        Sampling(**wrong)  # type: ignore[arg-type]


def test_the_interval_has_no_part_in_modes_that_do_not_use_it() -> None:
    keyframes = SamplingMode.KEYFRAMES
    assert Sampling(keyframes, Fraction(3)) == Sampling(keyframes, Fraction(1, 7))
