"""The tracker: whatever the order of what it is told, faces that could be one person are one, and no others."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.people import play
from benchmarks.plays import scenes
from tests.support.tracked import WIDTH, Cast, bare, crowd, frames_of, groups, mirrored, shuffled, tracked
from workers.tracking.look import LENGTH
from workers.tracking.sightings import FaceSeen, FrameSeen, Pacing
from workers.tracking.tracker import default_gap_s, tracks_of

RATES = st.sampled_from([1.0, 5.0, 25.0])
few = settings(max_examples=25)


def seen(time_s: float, *spots: tuple[float, float], high: float = 80.0, look: bytes | None = None) -> FrameSeen:
    return FrameSeen(time_s, [FaceSeen((x, y, 0.8 * high, high), look) for x, y in spots])


@few
@given(crowd(), RATES, st.randoms(use_true_random=False))
def test_the_order_of_faces_within_a_frame_changes_nothing(cast: Cast, rate: float, random: object) -> None:
    frames = frames_of(cast, rate)
    mixed, back = shuffled(frames, random)
    before, after = tracked(frames, rate), tracked(mixed, rate)
    assert before == [[after[frame][place] for place in places] for frame, places in enumerate(back)]


@few
@given(crowd(), RATES)
def test_a_mirrored_picture_holds_the_same_people(cast: Cast, rate: float) -> None:
    frames = frames_of(cast, rate)
    assert groups(tracked(frames, rate)) == groups(tracked([mirrored(frame) for frame in frames], rate))


@few
@given(crowd(), RATES)
def test_a_track_has_one_face_a_frame_and_no_gap_beyond_what_is_allowed(cast: Cast, rate: float) -> None:
    frames = frames_of(cast, rate)
    gap_s, last = default_gap_s(1 / rate), dict[int, float]()
    for frame, tracks in zip(frames, tracked(frames, rate), strict=True):
        assert len(set(tracks)) == len(tracks)
        for track in tracks:
            assert frame.time_s - last.get(track, frame.time_s) <= gap_s + 1e-6
            last[track] = frame.time_s


@few
@given(crowd(), RATES)
def test_tracks_are_numbered_as_they_begin_from_left_to_right(cast: Cast, rate: float) -> None:
    begun: list[int] = []
    for frame, tracks in zip(frames_of(cast, rate), tracked(frames_of(cast, rate), rate), strict=True):
        new = sorted((face.box, track) for face, track in zip(frame.faces, tracks, strict=True) if track not in begun)
        begun += [track for _, track in new]
    assert begun == list(range(1, len(begun) + 1))


@few
@given(crowd(least=2), RATES)
def test_people_who_are_far_apart_never_share_a_track(cast: Cast, rate: float) -> None:
    frames = frames_of(cast.spread_out(), rate)
    tracks_by_person: dict[int, set[int]] = {}
    for frame, tracks in zip(frames, tracked(frames, rate), strict=True):
        for face, track in zip(frame.faces, tracks, strict=True):
            tracks_by_person.setdefault(round(face.box[1] / 2000), set()).add(track)
    everybody = [track for tracks in tracks_by_person.values() for track in tracks]
    assert len(everybody) == len(set(everybody))


@few
@given(crowd(), RATES)
def test_tracks_assigned_anew_with_the_same_gap_stay_what_they_were(cast: Cast, rate: float) -> None:
    """Without what faces looked like: the tracks that they had stand in for it."""
    frames = frames_of(cast, rate)
    before = tracked(frames, rate)
    assert tracked(bare(frames, before), rate, known=True) == before


@few
@given(crowd(), RATES)
def test_a_shorter_gap_splits_the_tracks_that_there_are_and_joins_none(cast: Cast, rate: float) -> None:
    frames = frames_of(cast, rate)
    before = tracked(frames, rate)
    after = tracked(bare(frames, before), rate, default_gap_s(1 / rate) / 2, known=True)
    wholes = groups(before)
    assert all(any(part <= whole for whole in wholes) for part in groups(after))


@pytest.mark.parametrize("rate", [1.0, 25.0])
def test_a_gap_splits_a_track_where_it_is_longer_than_allowed_and_not_where_it_is_as_long(rate: float) -> None:
    frames = [seen(number / rate, (100.0, 100.0)) for number in range(300) if not 40 < number < 40 + 4 * rate]
    assert set(tracks_of(frames, Pacing(4.0, 1 / rate))) == {1}
    assert set(tracks_of(frames, Pacing(4.0 - 0.5 / rate, 1 / rate))) == {1, 2}


def test_no_gap_at_all_still_links_frames_that_follow_each_other_within_it() -> None:
    frames = [seen(float(number), (100.0, 100.0)) for number in range(5)]
    assert tracks_of(frames, Pacing(0.0, 1.0)).tolist() == [1, 2, 3, 4, 5]
    assert tracks_of(frames, Pacing(1.0, 1.0)).tolist() == [1] * 5


def test_nothing_gives_nothing() -> None:
    assert tracks_of([], Pacing(2.0, 1.0)).tolist() == []
    assert tracks_of([FrameSeen(0.0, [])], Pacing(2.0, 1.0)).tolist() == []
    assert tracks_of([FrameSeen(0.0, []), seen(1.0, (0.0, 0.0))], Pacing(2.0, 1.0)).tolist() == [1]


@pytest.mark.parametrize("look", [b"", b"too short", bytes(LENGTH + 1)])
def test_a_descriptor_that_is_none_of_ours_tells_nothing(look: bytes) -> None:
    frames = [seen(float(number), (100.0, 100.0), look=look) for number in range(5)]
    assert set(tracks_of(frames, Pacing(2.0, 1.0))) == {1}


def test_boxes_as_only_a_liar_gives_them_are_survived() -> None:
    huge = FaceSeen((1e150, -1e150, 1e150, 1e150))
    frames = [FrameSeen(float(number), [huge, FaceSeen((5.0, 5.0, 60.0, 80.0))]) for number in range(3)]
    assert len(tracks_of(frames, Pacing(2.0, 1.0))) == 6


def test_boxes_without_a_size_and_times_that_stand_still_are_survived() -> None:
    frames = [FrameSeen(0.0, [FaceSeen((5.0, 5.0, 0.0, 0.0))]) for _ in range(3)]
    assert len(tracks_of(frames, Pacing(2.0, 1.0))) == 3
    assert len(tracks_of(frames, Pacing(2.0, 0.04))) == 3


def test_whoever_pauses_may_break_off() -> None:
    class Enough(Exception):
        pass

    def pause() -> None:
        raise Enough

    with pytest.raises(Enough):
        tracks_of([seen(0.0, (0.0, 0.0))], Pacing(2.0, 1.0), pause)


def test_drawn_scenes_are_what_they_promise() -> None:
    """The truth that the tracker is measured by: a jump cut goes on, any other makes everybody another."""
    (cuts,) = [scene for scene in scenes() if scene.name == "cuts"]
    shown = list(play(replace(cuts, length_s=15.0), 1.0, 3.0))
    assert [[who for who, _ in one.truth] for one in shown[::5]] == [[1], [2], [3, 4]]
    assert [len(one.faces) for one in shown] == [1] * 10 + [2] * 5
    assert {who for one in shown for who, _ in one.truth} == {1, 2, 3, 4}
    assert all(0 <= face.box_x <= WIDTH for one in shown for face in one.faces)
