"""The view `track_summary`: one row a track, with the numbers that follow from its faces."""

import pytest

from db.records import Face, Frame, SegmentCommit
from db.store import Store
from db.tracks_write import Tracked
from tests.support.dbmaking import HAPPY, SAD, admit, rows, start, video
from tests.support.tracking import tracks_in


def assign(store: Store, frames: tuple[Frame, ...], tracks_of: tuple[int, ...]) -> None:
    """One video whose faces, in the order of time, have these tracks."""
    admit(store, start(store), video("a.mp4", segments=1))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.commit([SegmentCommit(claimed.fence, frames)])
    tracks = tracks_in(store)
    claim = tracks.claim("w", 60.0, 1)
    assert claim is not None
    faces = tracks.faces(claim, None, 100)
    tracked = Tracked([one.pts for one in faces], [one.face for one in faces], tracks_of)
    assert tracks.assign(claim, tracked, 1, 2.0)


def some(x: float, scores: tuple[float, ...] | None) -> Face:
    return Face(x, 20.0, 30.0, 40.0, None, 0.9, scores)


def test_a_track_is_summed_up_in_one_row(store: Store) -> None:
    frames = (
        Frame(0, 0.0, (some(10.0, HAPPY), some(90.0, SAD))),
        Frame(1500, 1.5, (some(20.0, SAD),)),
        Frame(3000, 3.0, (some(30.0, HAPPY),)),
        Frame(4000, 4.0),
    )
    assign(store, frames, (1, 2, 1, 1))
    select = (
        "SELECT path, track, start_s, end_s, duration_s, frames, share, dominant, mean_happiness, mean_valence, "
        "mean_box_x, mean_box_height FROM track_summary ORDER BY track"
    )
    first, second = rows(store, select)
    assert first == ("a.mp4", 1, 0.0, 3.0, 3.0, 3, 0.75, "happiness", *(pytest.approx(it) for it in (1.1 / 3, 0.4 / 3)),
                     20.0, 40.0)  # fmt: skip
    assert second[:8] == ("a.mp4", 2, 0.0, 0.0, 0.0, 1, 0.25, "sadness")


@pytest.mark.parametrize("which", range(8))
def test_the_greatest_mean_dominates_and_of_equals_the_first(which: int, store: Store) -> None:
    names = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
    scores = tuple(0.0 if number < which else 1 / (8 - which) for number in range(8))
    assign(store, (Frame(0, 0.0, (some(10.0, scores),)),), (1,))
    assert rows(store, "SELECT dominant FROM track_summary") == [(names[which],)]


def test_what_nobody_scored_has_no_emotion_and_what_has_no_track_no_row(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=1))
    (claimed,) = store.segments.claim("w", 60, 1)
    store.segments.commit([SegmentCommit(claimed.fence, (Frame(0, 0.0, (some(10.0, None),)),))])
    assert rows(store, "SELECT * FROM track_summary") == []
    tracks = tracks_in(store)
    claim = tracks.claim("w", 60.0, 1)
    assert claim is not None
    assert tracks.assign(claim, Tracked([0], [0], [1]), 1, 2.0)
    assert rows(store, "SELECT track, dominant, mean_valence, mean_neutral FROM track_summary") == [
        (1, None, None, None)
    ]
