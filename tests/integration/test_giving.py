"""What a child gives a service: crops, cut-outs and whole pictures of real files; and children that lie."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from db.records import FileIdentity, Frame, MediaFacts, SegmentSpec
from db.states import FrameStatus
from tests.acceptance.folders import portrait, write_clip
from tests.clips import Clip, decode_fully, make, number_of
from tests.support import stills
from tests.support.segments import DEFAULT, analysed, planned, unheard, works
from workers import enclosures
from workers.analysis import DetectorSpec, Sampling, SamplingMode, ScorerSpec
from workers.detection.cutout import cut_out, reduced
from workers.enclosures import HAND_OVER_BYTES, Gathering
from workers.errors import MediaError
from workers.events import Event, ItemDone, ItemFailed, Task, TaskEnded
from workers.giving import giver_of
from workers.lane import Account, Lane
from workers.limits import ChildLimits
from workers.messages import (
    AnalyseBatch,
    Enclosed,
    Give,
    SegmentResult,
    SegmentWork,
    Takes,
    Whole,
)
from workers.pipeline import process_segment
from workers.process import ChildProcess
from workers.stages import Stages
from workers.toolbox import Toolbox
from workers.video.picture import Picture

TAKES = Takes(("jpeg", "png", "gif", "bmp"), 1024, 6 * 2**20, 36)
SERVICE = dataclasses.replace(DEFAULT, scorer=ScorerSpec("azure"))
WHOLE = dataclasses.replace(SERVICE, detector=DetectorSpec("service"))
EVERY = Sampling(SamplingMode.EVERY_FRAME)
QUARTER = Sampling(interval_s=Fraction(1, 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("giving")


@pytest.fixture(scope="module")
def photo(folder: Path) -> Path:
    """Two faces, the right one twice as large."""
    face = portrait()
    picture = np.full((1024, 1640, 3), 90, np.uint8)
    picture[200:712, 40:552] = face
    picture[:, 600:1624] = cv2.resize(face, (1024, 1024), interpolation=cv2.INTER_LINEAR)
    path = folder / "two.png"
    stills.image(picture).save(path)
    return path


@pytest.fixture(scope="module")
def video(folder: Path) -> Path:
    path = folder / "face.mp4"
    write_clip(path, 3)
    return path


def one_of(results: list[SegmentResult]) -> SegmentResult:
    (result,) = results
    return result


def given(path: Path, give: Give, takes: Takes | None = None, sampling: Sampling = QUARTER) -> SegmentResult:
    analysis = dataclasses.replace(WHOLE if give is Give.PICTURES else SERVICE, sampling=sampling)
    return one_of(analysed(path, analysis, give=give, takes=takes))


def whole_of(path: Path, takes: Takes = TAKES) -> Whole:
    (whole,) = given(path, Give.PICTURES, takes).wholes
    assert whole is not None
    return whole


def pixels_of(whole: Whole) -> NDArray[np.uint8]:
    """As a service sees them: turned by the EXIF of a JPEG, and by nothing else."""
    decoded = cv2.imdecode(np.frombuffer(whole.picture, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (whole.height, whole.width, 3)
    return decoded.astype(np.uint8, copy=False)


def without_scores(frames: tuple[Frame, ...]) -> list[Frame]:
    bare = [tuple(dataclasses.replace(face, scores=None) for face in frame.faces) for frame in frames]
    return [dataclasses.replace(frame, faces=faces) for frame, faces in zip(frames, bare, strict=True)]


@pytest.mark.parametrize("give", [Give.GRAY, Give.CROPS])
@pytest.mark.parametrize("name", ["two.png", "face.mp4"])
def test_the_faces_are_those_of_a_local_run_and_each_has_its_picture(
    name: str, give: Give, folder: Path, photo: Path, video: Path
) -> None:
    scored = one_of(analysed(folder / name, dataclasses.replace(DEFAULT, sampling=QUARTER)))
    result = given(folder / name, give)
    assert list(result.frames) == without_scores(scored.frames)
    faces = sum(len(frame.faces) for frame in result.frames)
    assert faces >= 2
    assert (0 if result.crops is None else len(result.crops), len(result.cutouts)) == (
        (faces, 0) if give is Give.GRAY else (0, faces)
    )


def test_cut_outs_show_what_lies_there_in_the_frame_in_the_order_of_the_faces(photo: Path) -> None:
    picture = stills.read(photo)
    result = given(photo, Give.CROPS)
    small, large = result.frames[0].faces
    first, second = result.cutouts
    left, top = round(small.box_x - first.face_xywh[0]), round(small.box_y - first.face_xywh[1])
    height, width = first.pixels.shape[:2]
    assert first.face_xywh[2:] == (small.box_width, small.box_height)
    assert np.array_equal(first.pixels, picture[top : top + height, left : left + width])
    assert second.face_xywh[3] == large.box_height / 2
    assert np.array_equal(second.pixels, reduced(cut_out(picture, large)).pixels)


def test_cut_outs_of_a_video_are_of_their_own_frames(video: Path) -> None:
    shown = decode_fully(video)
    result = given(video, Give.CROPS)
    at = [(frame, face) for frame in result.frames for face in frame.faces]
    for (frame, face), cutout in zip(at, result.cutouts, strict=True):
        pixels = dict(shown)[frame.pts]
        assert np.array_equal(cutout.pixels, reduced(cut_out(pixels, face)).pixels)
    assert not np.array_equal(result.cutouts[0].pixels, result.cutouts[-1].pixels)


def test_a_picture_without_a_face_gives_no_cut_out(tmp_path: Path) -> None:
    stills.image().save(tmp_path / "it.png")
    result = given(tmp_path / "it.png", Give.CROPS)
    assert (result.frames[0].faces, result.cutouts) == ((), ())


@pytest.mark.parametrize("name", ["it.jpg", "it.png", "it.bmp"])
def test_a_photo_that_a_service_takes_is_sent_as_the_file_itself(name: str, tmp_path: Path) -> None:
    stills.image().save(tmp_path / name)
    whole = whole_of(tmp_path / name)
    assert whole.picture == (tmp_path / name).read_bytes()
    assert whole.scale == 1.0
    assert pixels_of(whole).shape == stills.scene().shape


@pytest.mark.parametrize("turn", [2, 3, 6, 8])
def test_a_jpeg_that_says_how_it_was_held_is_sent_as_it_is_and_measured_as_a_person_sees_it(
    turn: int, tmp_path: Path
) -> None:
    path = tmp_path / "it.jpg"
    stills.image().save(path, exif=stills.exif(turn), quality=95)
    whole = whole_of(path)
    assert whole.picture == path.read_bytes()
    assert np.abs(pixels_of(whole).astype(int) - stills.read(path)).mean() < 1


@pytest.mark.parametrize("turn", [2, 6])
def test_a_png_that_says_how_it_was_held_is_sent_upright_for_services_do_not_ask_it(turn: int, tmp_path: Path) -> None:
    path = tmp_path / "it.png"
    stills.image().save(path, exif=stills.exif(turn))
    whole = whole_of(path)
    assert whole.picture.startswith(b"\xff\xd8")
    assert np.abs(pixels_of(whole).astype(int) - stills.read(path)).mean() < 6


@pytest.mark.parametrize(
    ("name", "takes"),
    [
        ("it.webp", TAKES),
        ("it.tif", TAKES),
        ("it.png", Takes(("jpeg",), 1024, 6 * 2**20, 36)),
        ("it.png", Takes(("jpeg", "png"), 1, 1_500, 1)),
        ("it.png", Takes(("jpeg", "png"), 10**6, 2 * 10**6, 1)),
        ("it.png", Takes(("jpeg", "png"), 1, 2**20, 200)),
    ],
    ids=["webp", "tiff", "jpeg-only", "too-many-bytes", "too-few-bytes", "too-few-pixels"],
)
def test_a_photo_that_a_service_does_not_take_is_sent_as_a_jpeg_of_its_pixels(
    name: str, takes: Takes, tmp_path: Path
) -> None:
    path = tmp_path / name
    stills.image().save(path)
    whole = whole_of(path, takes)
    assert whole.picture.startswith(b"\xff\xd8")
    assert len(whole.picture) <= takes.max_bytes
    height, width = stills.scene().shape[:2]
    sent = pixels_of(whole)[: round(height / whole.scale), : round(width / whole.scale)]
    seen = cv2.resize(stills.read(path), (sent.shape[1], sent.shape[0]), interpolation=cv2.INTER_AREA)
    assert np.abs(sent.astype(int) - seen).mean() < 8


@pytest.mark.parametrize("name", ["it.jpg", "it.png"])
@pytest.mark.parametrize("give", [Give.PICTURES, Give.SCORES])
def test_a_photo_that_is_cut_short_is_sent_to_nobody(give: Give, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    stills.image().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError) as caught:
        analysed(path, give=give, takes=TAKES)
    assert caught.value.problem.code == "media.truncated"


@pytest.mark.parametrize(
    "meddle", [lambda path: path.write_bytes(b"x"), lambda path: path.unlink()], ids=["changed", "gone"]
)
def test_a_photo_that_changes_while_it_is_read_gives_nothing(meddle: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "it.jpg"
    stills.image().save(path)
    (work,) = works(path, WHOLE, Give.PICTURES, TAKES)
    with Toolbox("cpu") as toolbox, pytest.raises(MediaError) as caught:
        process_segment(work, toolbox, lambda _: meddle(path))
    assert caught.value.problem.code in ("media.changed", "media.vanished")


def test_every_frame_of_a_video_is_a_jpeg_of_itself_at_its_time(folder: Path) -> None:
    path = make(Clip("numbers.mp4"), folder)
    sampling = Sampling(interval_s=Fraction(1, 5))
    result = given(path, Give.PICTURES, TAKES, sampling)
    local = one_of(analysed(path, dataclasses.replace(DEFAULT, sampling=sampling, scorer=ScorerSpec("none"))))
    assert [(one.pts, one.time_s) for one in result.frames] == [(one.pts, one.time_s) for one in local.frames]
    assert not any(frame.faces for frame in result.frames)
    assert [number_of(pixels_of(whole)) for whole in result.wholes if whole] == list(range(0, 75, 5))
    assert {whole.scale for whole in result.wholes if whole} == {1.0}


def test_a_frame_that_is_missing_keeps_its_place(folder: Path) -> None:
    (work,) = works(make(Clip("numbers.mp4"), folder), WHOLE, Give.PICTURES, TAKES)
    gathering = Gathering(work.give)
    with Toolbox("cpu") as toolbox:
        giver = giver_of(work, toolbox, Stages(), gathering)
    there = np.zeros((60, 80, 3), np.uint8)
    for pts, pixels in enumerate([there, None, there]):
        giver.take(Picture(pts, float(pts), FrameStatus.MISSING if pixels is None else FrameStatus.OK, pixels))
    assert [frame.status for frame in giver.finish()] == [FrameStatus.OK, FrameStatus.MISSING, FrameStatus.OK]
    assert [whole is None for whole in gathering.rest().wholes] == [False, True, False]


@pytest.mark.parametrize("give", list(Give))
def test_no_model_is_opened_that_is_not_needed(give: Give, photo: Path) -> None:
    opened: list[str] = []

    class Watched(Toolbox):
        def detector(self, spec: DetectorSpec) -> object:  # type: ignore[override]
            opened.append("detector")
            return super().detector(spec)

        def scorer(self, spec: ScorerSpec) -> object:  # type: ignore[override]
            opened.append("scorer")
            return super().scorer(spec)

    with Watched("cpu") as toolbox:
        analysed(photo, DEFAULT, toolbox, give=give, takes=TAKES)
    assert opened == {Give.SCORES: ["detector", "scorer"], Give.PICTURES: []}.get(give, ["detector"])


def test_where_nobody_says_what_a_service_takes_no_picture_is_made(photo: Path) -> None:
    with pytest.raises(ValueError, match="none said which"):
        given(photo, Give.PICTURES, None)


@pytest.fixture(scope="module")
def noisy(folder: Path) -> SegmentWork:
    """Frames that no JPEG makes small."""
    path = folder / "noisy.mp4"
    chance = np.random.default_rng(1)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "qp": "4"}
        for _ in range(24):
            picture = chance.integers(0, 256, (720, 1280, 1), np.uint8).repeat(3, axis=2)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode(None))
    (work,) = works(path, dataclasses.replace(WHOLE, sampling=EVERY), Give.PICTURES, TAKES)
    return work


def test_pieces_come_on_the_way_in_small_messages_and_are_together_what_the_whole_would_have_been(
    noisy: SegmentWork,
) -> None:
    task = Task(1, AnalyseBatch((noisy,)))
    account = Account(task)
    with ChildProcess(ChildLimits(memory_mb=400), "cpu") as child:
        child.wait_ready()
        replies = list(child.ask(task.request))
    parts = [reply.part for reply in replies if isinstance(reply, Enclosed)]
    sizes = [[len(whole.picture) for whole in part.wholes if whole] for part in parts]
    assert len(parts) >= 2
    assert all(sum(some[:-1]) < HAND_OVER_BYTES for some in sizes)
    (done,) = (event for event in map(account.take, replies) if isinstance(event, ItemDone))
    with Toolbox("cpu") as toolbox:
        at_once = process_segment(noisy, toolbox, unheard)
    assert isinstance(done.result, SegmentResult)
    assert done.result.wholes == at_once.wholes
    assert done.result.frames == at_once.frames


def test_segments_for_a_service_are_shorter(folder: Path) -> None:
    path = make(Clip("long.mp4", frames=300, size=(64, 48)), folder)
    analysis = dataclasses.replace(DEFAULT, sampling=EVERY)
    assert [segment.targets for segment in planned(path, analysis).segments] == [300]
    lengths = [segment.targets for segment in planned(path, analysis, Give.CROPS).segments]
    assert sum(lengths) == 300
    assert max(lengths) <= 120


@pytest.fixture
def lane(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lane]:
    """A lying child, whose parent takes in no more than 16 MB."""
    monkeypatch.setattr(enclosures, "MOST_BYTES", 16 << 20)
    lane = Lane(ChildLimits(), entry="tests.support.enclosing:main")
    yield lane
    lane.close()


def told(lane: Lane, *names: str) -> list[Event]:
    facts = MediaFacts("photo", "jpeg", "jpeg", 9, 9)
    items = (
        SegmentWork(FileIdentity(os.fsencode(name), 0, 0, 0, 0), facts, SegmentSpec(0), SERVICE, Give.CROPS)
        for name in names
    )
    return list(lane.run(Task(1, AnalyseBatch(tuple(items)))))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("too-much", "for one item"),
        ("of-another-item", "Enclosed with item 0 of 2 in hand"),
        ("of-another-kind", "pictures where crops were asked for"),
        ("one-too-many", "2 crops for 1 faces in 1 frames"),
        ("no-pixels", "a picture of shape (0, 8, 3)"),
        ("no-place", "a face at (0.0, 0.0, nan, 1.0)"),
    ],
)
def test_a_child_that_gives_what_none_may_is_killed_and_costs_one_failure(lane: Lane, name: str, why: str) -> None:
    failed, ended = told(lane, name, "fine")
    assert isinstance(failed, ItemFailed)
    assert failed.problem.code == "child.protocol"
    assert why in failed.problem.reason
    assert not failed.problem.permanent
    assert isinstance(ended, TaskEnded)
    assert ended.untouched == (1,)
    assert lane.pid() is None


def test_each_item_gets_what_was_enclosed_with_it(lane: Lane) -> None:
    *done, _ = told(lane, "enclosed-before", "fine")
    for event in done:
        assert isinstance(event, ItemDone)
        assert isinstance(event.result, SegmentResult)
        assert len(event.result.cutouts) == 1
