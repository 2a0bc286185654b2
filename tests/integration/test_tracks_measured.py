"""Who is who, measured: on drawn scenes as `make bench-tracks` does at length, and on real clips with a cut."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.identity import idf1
from benchmarks.plays import scenes
from benchmarks.tracks import LEAST_IDF1, bare, rated, seen_of, tracked
from tests.support.segments import DEFAULT, analysed
from tests.support.tracked import groups
from workers.analysis import Sampling, ScorerSpec
from workers.tracking.sightings import FaceSeen, FrameSeen, Pacing
from workers.tracking.tracker import default_gap_s, tracks_of

SCENES = {scene.name: scene for scene in scenes()}
BOX, ELSEWHERE = (0.0, 0.0, 10.0, 10.0), (50.0, 0.0, 10.0, 10.0)


@pytest.mark.parametrize("name", SCENES)
def test_people_are_told_apart_at_a_frame_a_second(name: str) -> None:
    seen = seen_of(SCENES[name], 1.0)
    tracks = tracked(seen, seen.frames)
    assert rated(seen, tracks) >= LEAST_IDF1
    anew = tracked(seen, bare(seen, tracks), default_gap_s(1.0))
    assert groups(anew) == groups(tracks)


@pytest.mark.parametrize("name", ["crossing, alike", "cuts", "poor detector"])
def test_people_are_told_apart_at_ten_frames_a_second(name: str) -> None:
    seen = seen_of(replace(SCENES[name], length_s=15.0), 10.0)
    assert rated(seen, tracked(seen, seen.frames)) >= LEAST_IDF1


def test_what_looks_are_for_is_seen_where_there_are_none() -> None:
    seen = seen_of(SCENES["swapped chairs"], 1.0)
    assert rated(seen, tracked(seen, bare(seen))) < LEAST_IDF1


def test_idf1_is_what_its_definition_says() -> None:
    assert idf1([]) == 1.0
    right = ([(1, BOX), (2, ELSEWHERE)], [(7, BOX), (9, ELSEWHERE)])
    swapped = ([(1, BOX), (2, ELSEWHERE)], [(9, BOX), (7, ELSEWHERE)])
    assert idf1([right] * 4) == 1.0
    assert idf1([right] * 3 + [swapped]) == 0.75
    missed, invented = ([(1, BOX)], []), ([], [(7, BOX)])
    assert idf1([([(1, BOX)], [(7, BOX)]), missed]) == pytest.approx(2 / 3)
    assert idf1([([(1, BOX)], [(7, BOX)]), invented]) == pytest.approx(2 / 3)
    assert idf1([([(1, BOX)], [(7, ELSEWHERE)])]) == 0.0


def frames_of(path: Path, rate: int, offset_s: float) -> list[FrameSeen]:
    """What is found in a real clip, as if it began at `offset_s`."""
    spec = replace(DEFAULT, sampling=Sampling(interval_s=Fraction(1, rate)), scorer=ScorerSpec("none"))
    return [
        FrameSeen(
            frame.time_s + offset_s,
            [FaceSeen((one.box_x, one.box_y, one.box_width, one.box_height), one.appearance) for one in frame.faces],
        )
        for result in analysed(path, spec)
        for frame in result.frames
    ]


@pytest.mark.parametrize("rate", [1, 10])
def test_a_real_face_is_one_track_and_a_cut_to_another_person_begins_another(shared_media: Path, rate: int) -> None:
    """Two recordings end to end, as a film is cut: a face of 300 pixels, then one of 213 that lies over it."""
    first = frames_of(shared_media / "WolfgangLanger_Pexels.mp4", rate, 0.0)
    second = frames_of(shared_media / "single_face.mp4", rate, first[-1].time_s + 1 / rate)
    pacing = Pacing(default_gap_s(1 / rate), 1 / rate)
    faces = [sum(len(frame.faces) for frame in some) for some in (first, second)]
    assert min(faces) >= 3
    assert tracks_of([*first, *second], pacing).tolist() == [1] * faces[0] + [2] * faces[1]


@pytest.mark.parametrize("rate", [1, 10])
def test_a_face_that_leaves_is_one_track_until_then(shared_media: Path, rate: int) -> None:
    frames = frames_of(shared_media / "face_noface.mov", rate, 0.0)
    tracks = tracks_of(frames, Pacing(default_gap_s(1 / rate), 1 / rate)).tolist()
    assert len(tracks) < len(frames)
    assert set(tracks) == {1}
