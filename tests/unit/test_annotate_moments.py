"""Which moments a contact sheet shows, and what is said of drawings."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from db.emotions import EMOTIONS
from db.report import ReportMedia
from jobs.annotate.asking import lines_of
from jobs.annotate.moments import MOST_CELLS, Chosen, chosen
from jobs.annotate.notes import notes_on
from jobs.annotate.request import AnnotateRequest
from tests.support.drawing import photo_facts, seen_of
from tests.unit.test_annotate_names import MEDIA
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode, ScorerSpec
from workers.drawing.sheet_layout import SheetLayout
from workers.drawing.work import NOT_SCORED, Look, Seen

HAPPINESS, SADNESS = 1, 3


def seen(looked: list[int], faces: list[tuple[int, int, float]]) -> Seen:
    """Faces by PTS, the emotion that dominates and its probability; the rest is spread evenly."""
    scores = np.array([[(1 - p) / 7 if at != emotion else p for at in range(8)] for _, emotion, p in faces])
    return Seen(
        looked=np.array(looked, np.int64),
        until=np.array([pts + 1 for pts in looked], np.int64),
        pts=np.array([pts for pts, _, _ in faces], np.int64),
        track=np.ones(len(faces), np.int32),
        dominant=np.array([emotion for _, emotion, _ in faces], np.int8),
        scores=scores.reshape(-1, 8).astype(np.float16),
        xywh=np.zeros((len(faces), 4), np.float32),
    )


def test_every_emotion_that_appears_has_its_strongest_moment() -> None:
    faces = [(10, HAPPINESS, 0.7), (500, HAPPINESS, 0.9), (730, SADNESS, 0.8), (990, SADNESS, 0.5)]
    found = chosen(seen(list(range(0, 1000, 10)), faces))
    assert len(found) == MOST_CELLS
    assert [one for one in found if one.emotion != NOT_SCORED] == [Chosen(500, HAPPINESS), Chosen(730, SADNESS)]
    assert [one.pts for one in found] == sorted({one.pts for one in found})


def test_other_moments_lie_evenly_from_the_first_to_the_last() -> None:
    found = [one.pts for one in chosen(seen(list(range(0, 10_000, 7)), []))]
    assert (found[0], found[-1], len(found)) == (0, 9996, MOST_CELLS)
    assert max(np.diff(found)) - min(np.diff(found)) <= 7


@pytest.mark.parametrize("count", [0, 1, 5, MOST_CELLS])
def test_a_short_video_is_shown_whole(count: int) -> None:
    assert [one.pts for one in chosen(seen(list(range(count)), []))] == list(range(count))


def test_a_frame_where_two_emotions_peak_is_shown_once() -> None:
    found = chosen(seen([5], [(5, HAPPINESS, 0.9), (5, SADNESS, 0.8)]))
    assert found == [Chosen(5, HAPPINESS)]


def test_a_weak_peak_is_none() -> None:
    assert chosen(seen([5], [(5, HAPPINESS, 0.3)])) == [Chosen(5)]


def test_the_head_of_a_sheet_tells_means_and_nothing_where_nothing_was_scored() -> None:
    facts = photo_facts(1, 1)
    told = lines_of(facts, seen([0, 1], [(0, HAPPINESS, 0.9), (1, SADNESS, 0.5)]))
    assert told[0] == "0:00, 2 frames looked at, 2 faces, 1 track"
    assert told[1].startswith(f"on average {EMOTIONS[HAPPINESS]} 49%, {EMOTIONS[SADNESS]} 26%")
    assert lines_of(facts, seen_of([0], [])) == ("0:00, 1 frame looked at, 0 faces",)


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (640, 640), (4000, 100), (100, 4000)])
@pytest.mark.parametrize("cells", [1, 5, 24])
def test_the_cells_of_a_sheet_lie_within_it_and_apart(size: tuple[int, int], cells: int) -> None:
    layout = SheetLayout.of(*size, cells, 2)
    places = [layout.cell(at) for at in range(cells)]
    assert len(set(places)) == cells
    assert all(x >= 0 and x + layout.cell_width <= layout.size[0] for x, _ in places)
    assert all(layout.line(3) < y and y + layout.cell_height < layout.size[1] for _, y in places)


def notes(sampling: Sampling, *, blur: bool, dropped: int = 0) -> list[str]:
    media = ReportMedia(kind="video", codec="h264", **(MEDIA | {"faces_dropped": dropped}))
    asked = AnnotateRequest(Path("out"), Look(blur=blur))
    return list(notes_on([media], AnalysisSpec(sampling, DetectorSpec(), ScorerSpec()), asked))


def test_sparse_looks_are_told() -> None:
    assert notes(Sampling(), blur=False) == []
    assert "every 5 s" in notes(Sampling(interval_s=Fraction(5)), blur=False)[0]
    assert "key frames only" in notes(Sampling(SamplingMode.KEYFRAMES), blur=False)[0]


def test_who_covers_faces_is_told_what_is_not_covered() -> None:
    dense = notes(Sampling(SamplingMode.EVERY_FRAME), blur=True)
    assert len(dense) == 1
    assert "no others" in dense[0]
    sparse = notes(Sampling(), blur=True, dropped=3)
    assert "--every-frame" in sparse[1]
    assert "--min-face 0" in sparse[2]
