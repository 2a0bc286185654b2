"""One segment in, its frames and faces out: on real clips, and with a clock on what it costs."""

import dataclasses
import gc
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from db.records import Face
from db.states import FrameStatus
from tests import clips
from tests.support import stills
from tests.support.segments import DEFAULT, analysed, unheard, works
from workers.analysis import AnalysisSpec, Sampling, SamplingMode, ScorerSpec
from workers.detection.catalogue import open_detector
from workers.errors import WorkError
from workers.messages import AnalyseBatch, Analysed, Give, decode_reply, decode_request, encode
from workers.pipeline import process_segment
from workers.toolbox import Toolbox
from workers.video.photo import read_photo
from workers.video.sniff import JPEG

QUARTER = dataclasses.replace(DEFAULT, sampling=Sampling(interval_s=Fraction(1, 4)))


def faces_of(path: Path, analysis: AnalysisSpec = DEFAULT) -> list[tuple[Face, ...]]:
    return [frame.faces for result in analysed(path, analysis) for frame in result.frames]


def test_a_clip_with_one_face_has_it_in_every_frame(shared_media: Path) -> None:
    found = faces_of(shared_media / "single_face.mp4", QUARTER)
    assert [len(faces) for faces in found] == [1] * 10
    for (face,) in found:
        assert face.scores is not None
        assert sum(face.scores) == pytest.approx(1, abs=1e-5)


def test_a_clip_without_a_face_has_frames_all_the_same(shared_media: Path) -> None:
    found = faces_of(shared_media / "no_face.mp4")
    assert len(found) >= 3
    assert not any(found)


def test_a_photo_is_one_frame_at_time_zero(shared_media: Path) -> None:
    (result,) = analysed(shared_media / "multi_face.jpg")
    (frame,) = result.frames
    assert (frame.pts, frame.time_s, frame.status) == (0, 0.0, FrameStatus.OK)
    assert len(frame.faces) == 5
    assert [face.box_x for face in frame.faces] == sorted(face.box_x for face in frame.faces)


def test_the_same_work_gives_the_same_result_in_any_process_state(shared_media: Path) -> None:
    """A worn toolbox, another analysis in between: nothing of it shows."""
    path = shared_media / "single_face.mp4"
    other = dataclasses.replace(DEFAULT, scorer=ScorerSpec("none"))
    with Toolbox("cpu") as toolbox:
        first = analysed(path, toolbox=toolbox)
        assert all(face.scores is None for faces in analysed(path, other, toolbox)[0].frames for face in faces.faces)
        again = analysed(path, toolbox=toolbox)
    assert [result.frames for result in first] == [result.frames for result in again]


def test_faces_below_the_smallest_size_are_dropped_and_counted(shared_media: Path) -> None:
    path = shared_media / "multi_face.jpg"
    heights = sorted(face.box_height for faces in faces_of(path) for face in faces)
    between = int(heights[2]) + 1
    detector = dataclasses.replace(DEFAULT.detector, min_face=between)
    (result,) = analysed(path, dataclasses.replace(DEFAULT, detector=detector))
    (frame,) = result.frames
    assert (len(frame.faces), frame.faces_dropped) == (2, 3)
    assert all(face.box_height >= between for face in frame.faces)


def test_progress_counts_every_frame_once(shared_media: Path) -> None:
    heard: list[int] = []
    (result,) = analysed(shared_media / "single_face.mp4", QUARTER, report=heard.append)
    assert heard == list(range(1, len(result.frames) + 1))


def test_crops_are_returned_on_request_in_the_order_of_the_faces(shared_media: Path) -> None:
    (result,) = analysed(shared_media / "multi_face.jpg", give=Give.GRAY)
    assert result.crops is not None
    assert result.crops.shape == (5, 64, 64)
    with Toolbox("cpu") as toolbox:
        scores = toolbox.scorer(ScorerSpec()).score(result.crops)
    (scored,) = faces_of(shared_media / "multi_face.jpg")
    np.testing.assert_allclose(np.asarray(scores), [face.scores for face in scored], atol=1e-5)


def test_no_crops_are_returned_unasked(shared_media: Path) -> None:
    (result,) = analysed(shared_media / "single_face.jpg")
    assert result.crops is None


def test_a_picture_without_a_face_returns_no_crop(tmp_path: Path) -> None:
    stills.image().save(tmp_path / "it.png")
    (result,) = analysed(tmp_path / "it.png", give=Give.GRAY)
    assert result.crops is not None
    assert result.crops.shape == (0, 64, 64)


def test_a_turned_photo_has_its_boxes_where_a_person_sees_the_faces(shared_media: Path, tmp_path: Path) -> None:
    upright = stills.image(read_photo(str(shared_media / "multi_face.jpg").encode(), JPEG))
    upright.save(tmp_path / "upright.png")
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=stills.exif(6))
    assert faces_of(tmp_path / "turned.png") == faces_of(tmp_path / "upright.png")


def test_work_and_result_survive_the_wire_unchanged(shared_media: Path) -> None:
    (work,) = works(shared_media / "multi_face.jpg", give=Give.GRAY)
    request = decode_request(encode(AnalyseBatch((work,))))
    assert request == AnalyseBatch((work,))
    with Toolbox("cpu") as toolbox:
        result = process_segment(work, toolbox, unheard)
    reply = decode_reply(encode(Analysed(0, result)))
    assert isinstance(reply, Analysed)
    assert reply.result.frames == result.frames
    assert np.array_equal(reply.result.crops, result.crops)  # type: ignore[arg-type]


def test_the_stages_account_for_the_time(shared_media: Path) -> None:
    (result,) = analysed(shared_media / "single_face.mp4", QUARTER)
    assert set(result.stages_s) == {"load", "decode", "detect", "crop", "score"}
    spent = sum(result.stages_s.values())
    assert 0.9 * result.cpu_s <= spent <= result.cpu_s + 1e-6


def test_another_revision_of_the_analysis_is_not_mixed_in(shared_media: Path) -> None:
    (work,) = works(shared_media / "single_face.jpg")
    other = dataclasses.replace(work.analysis, pipeline_revision=work.analysis.pipeline_revision + 1)
    with Toolbox("cpu") as toolbox, pytest.raises(WorkError) as caught:
        process_segment(type(work)(work.source, work.facts, work.segment, other), toolbox, unheard)
    assert caught.value.problem.code == "analysis.revision"
    assert not caught.value.problem.permanent


def test_frames_are_let_go_as_soon_as_they_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a frame is looked at, no frame before it is alive any more."""
    path = clips.make(clips.Clip("it.mp4", frames=40), tmp_path)
    alive: list[weakref.ref[object]] = []
    most = 0

    class Watching:
        def __init__(self, detector: object) -> None:
            self._detector = detector

        def detect(self, picture: np.ndarray) -> list[object]:
            nonlocal most
            alive.append(weakref.ref(picture))
            most = max(most, sum(ref() is not None for ref in alive))
            return []

    gc.disable()
    try:
        with open_detector(DEFAULT.detector) as real, Toolbox("cpu") as toolbox:
            monkeypatch.setattr(toolbox, "detector", lambda _: Watching(real))
            every_frame = dataclasses.replace(DEFAULT, sampling=Sampling(SamplingMode.EVERY_FRAME))
            analysed(path, every_frame, toolbox)
    finally:
        gc.enable()
    assert len(alive) == 40
    assert most == 1


def test_decoded_frames_need_no_garbage_collector_to_be_freed(tmp_path: Path) -> None:
    """A frame in a reference cycle lives until the collector comes by, and of large frames few come before that."""
    path = clips.make(clips.Clip("it.mp4", frames=40), tmp_path)
    gc.collect()
    before = _frames_alive()  # what other tests of this process still hold
    gc.disable()
    try:
        (result,) = analysed(path, dataclasses.replace(DEFAULT, sampling=Sampling(SamplingMode.EVERY_FRAME)))
        alive = _frames_alive()
    finally:
        gc.enable()
    assert len(result.frames) == 40
    assert alive == before


def _frames_alive() -> int:
    return sum(isinstance(one, av.VideoFrame) for one in gc.get_objects())
