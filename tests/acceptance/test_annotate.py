"""`moodreel annotate` over a folder that a run has analysed: what is drawn where, what is covered, what is left."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.acceptance.folders import views, write_clip, write_photo
from tests.acceptance.runs import Ended, moodreel, sql
from tests.support.drawing import Told, told, with_sound
from workers.analysis import DetectorSpec
from workers.detection.catalogue import open_detector
from workers.detection.faces import find_faces
from workers.drawing.palette import track_colour

VFR_MS = (0, 40, 80, 113, 180, 300, 320, 400, 480, 560, 810, 850, 1000, 1033, 1200, 1240)
ODD_NAME = "a $(touch x)' \u202egpj.jpg"


@dataclass(frozen=True)
class World:
    """A folder with a finished job, and what two commands drew of it."""

    folder: Path
    drawn: Ended
    blurred: Ended


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("annotate")
    media = folder / "media"
    (media / "sub").mkdir(parents=True)
    write_clip(folder / "silent.mp4", 1, seconds=2)
    with_sound(folder / "silent.mp4", media / "clip.mp4", "aac", late_s=0.5)
    write_turned(media / "sub" / "turned.mp4")
    write_clip(media / "changed.mp4", 2, seconds=1)
    write_photo(folder / "upright.jpg", 3)
    lay_on_its_side(folder / "upright.jpg", media / "photo.jpg")
    shutil.copy(folder / "upright.jpg", media / ODD_NAME)
    (media / "broken.mp4").write_text("this is text")
    ended = moodreel("run", "media", "--fps", "5", "--name", "pilot", cwd=folder)
    assert ended.code == 1, ended.err
    write_clip(media / "changed.mp4", 7, seconds=1)
    before = {path: path.read_bytes() for path in media.rglob("*") if path.is_file()}
    made = World(
        folder,
        drawn=moodreel("annotate", "pilot", "-o", "drawn", "--time", cwd=folder),
        blurred=moodreel("annotate", "pilot", "-o", "blurred", "--blur", "--no-audio", "--json", cwd=folder),
    )
    yield made
    assert {path: path.read_bytes() for path in media.rglob("*") if path.is_file()} == before


def write_turned(path: Path) -> None:
    """A clip of a variable rate, stored on its side as phones do."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 180, 320, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.options = {"preset": "veryfast", "threads": "1"}
        stream.set_display_rotation(-90)
        for time_ms, picture in zip(VFR_MS, views(4, len(VFR_MS)), strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(picture)), format="bgr24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def lay_on_its_side(upright: Path, path: Path) -> None:
    """The same photo with its pixels turned, and metadata that turn them back and say where it was taken."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Ann at home"
    with Image.open(upright) as image:
        image.rotate(90, expand=True).save(path, exif=exif, quality=95)


def pair(world: World, folder: str, name: str) -> tuple[Told, Told]:
    return told(world.folder / "media" / name), told(world.folder / folder / name)


def boxes(world: World, path: str) -> list[tuple[Any, ...]]:
    wanted = "time_s, track, box_x, box_y, box_width, box_height"
    return sql(world.folder / "moodreel.db", f"SELECT {wanted} FROM emotions WHERE path = '{path}' ORDER BY time_s")


def at(told_of: Told, time_s: float) -> NDArray[np.uint8]:
    return told_of.frames[[float(stamp) for stamp in told_of.stamps].index(pytest.approx(time_s, abs=1e-6))]


def test_everything_is_drawn_but_what_cannot_be(world: World) -> None:
    assert world.drawn.code == 1, world.drawn.err
    assert world.drawn.out == ""
    files = sorted(str(path.relative_to(world.folder / "drawn")) for path in (world.folder / "drawn").rglob("*"))
    assert files == sorted(
        ["clip.mp4", "clip.mp4.sheet.jpg", "sub", "sub/turned.mp4", "sub/turned.mp4.sheet.jpg", "photo.jpg", ODD_NAME]
    )
    said = world.drawn.err
    assert "2 videos, 2 photos, 2 sheets written: drawn" in said
    assert "changed.mp4: it is no longer what it was when the job began [media.changed]" in said
    assert "[media." in said.partition("broken.mp4: ")[2].splitlines()[0]
    assert said.count("hint: ") == 2
    assert "`moodreel retry`" not in said
    assert not (world.folder / "x").exists()


@pytest.mark.parametrize("name", ["clip.mp4", "sub/turned.mp4"])
def test_a_video_keeps_its_frames_their_times_and_its_sound(world: World, name: str) -> None:
    before, after = pair(world, "drawn", name)
    assert after.stamps == before.stamps
    assert after.sound == before.sound
    assert after.rotations == {0}
    assert [frame.shape for frame in after.frames] == [frame.shape for frame in before.frames]
    if name == "clip.mp4":
        assert len(after.sound) > 10


@pytest.mark.parametrize("name", ["clip.mp4", "sub/turned.mp4"])
def test_boxes_in_the_colour_of_their_track_lie_where_the_faces_are(world: World, name: str) -> None:
    before, after = pair(world, "drawn", name)
    found = boxes(world, name)
    assert len(found) > 4
    for time_s, track, x, y, width, height in found:
        edge = at(after, time_s)[round(y + height * 0.6), round(x) - 1 : round(x) + 4]
        wanted = np.array(track_colour(track)[::-1])
        assert np.abs(edge.astype(int) - wanted).mean(axis=1).min() < 45
        middle = np.s_[
            round(y + 0.3 * height) : round(y + 0.6 * height), round(x + 0.2 * width) : round(x + 0.8 * width)
        ]
        difference = np.abs(at(after, time_s)[middle].astype(int) - at(before, time_s)[middle])
        assert difference.mean() < 6


def test_what_lies_far_from_faces_stays_as_it_was(world: World) -> None:
    before, after = pair(world, "drawn", "clip.mp4")
    right = np.s_[:, 280:]
    assert (
        max(np.abs(a[right].astype(int) - b[right]).mean() for a, b in zip(after.frames, before.frames, strict=True))
        < 4
    )


def test_photos_are_upright_drawn_upon_and_without_what_was_written_into_them(world: World) -> None:
    drawn = cv2.imread(str(world.folder / "drawn" / "photo.jpg"), cv2.IMREAD_COLOR)
    upright = cv2.imread(str(world.folder / "upright.jpg"), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert upright is not None
    assert drawn.shape == upright.shape
    ((_, _, x, y, _, height),) = boxes(world, "photo.jpg")
    changed = np.abs(drawn.astype(int) - upright).max(axis=2) > 60
    assert changed[round(y + height * 0.6), round(x) : round(x) + 3].any()
    assert not changed[:, : round(x) - 90].any()
    for folder in ("drawn", "blurred"):
        assert b"Ann at home" not in (world.folder / folder / "photo.jpg").read_bytes()


def test_contact_sheets_hold_every_frame_that_was_looked_at_of_a_short_clip(world: World) -> None:
    for folder in ("drawn", "blurred"):
        sheet = cv2.imread(str(world.folder / folder / "clip.mp4.sheet.jpg"), cv2.IMREAD_COLOR)
        assert sheet is not None
        assert sheet.shape[1] == 1680
        assert faces_in(sheet) > 0 if folder == "drawn" else faces_in(sheet) == 0


def faces_in(picture: NDArray[np.uint8]) -> int:
    with open_detector(DetectorSpec(max_side=max(picture.shape[:2])), "cpu") as detector:
        return len(find_faces(detector, picture, 20)[0])


def test_covered_faces_are_found_in_no_frame_any_more(world: World) -> None:
    assert world.blurred.code == 1, world.blurred.err
    for name in ("clip.mp4", "sub/turned.mp4"):
        before, after = pair(world, "blurred", name)
        assert after.stamps == before.stamps
        assert after.sound == []
        assert faces_in(before.frames[len(before.frames) // 2]) == 1
        assert [faces_in(frame) for frame in after.frames[::3]] == [0] * len(after.frames[::3])
    for name in ("photo.jpg", ODD_NAME):
        picture = cv2.imread(str(world.folder / "blurred" / name), cv2.IMREAD_COLOR)
        assert picture is not None
        assert faces_in(picture.astype(np.uint8)) == 0


def test_json_tells_what_was_written_what_was_not_and_what_must_be_known(world: World) -> None:
    told_of = world.blurred.summary
    written = {(one["path"], one["kind"]): one for one in told_of["written"]}
    assert {kind for _, kind in written} == {"video", "photo", "sheet"}
    assert written["sub/turned.mp4", "video"]["frames"] == len(VFR_MS)
    assert Path(world.folder / written["clip.mp4", "video"]["file"]).is_file()
    assert {one["path"] for one in told_of["failed"]} == {"broken.mp4", "changed.mp4"}
    assert all(one["code"] and one["reason"] and one["hint"] for one in told_of["failed"])
    assert told_of["complete"] is True
    assert any("no others" in note for note in told_of["notes"])


def test_what_is_there_is_left_alone_and_no_child_is_started_for_it(world: World) -> None:
    written = world.folder / "drawn" / "photo.jpg"
    before = (written.stat().st_ino, written.read_bytes())
    ended = moodreel("annotate", "pilot", "-o", "drawn", "--include", "photo.jpg", "--blur", cwd=world.folder)
    assert ended.code == 1
    assert "[output.exists]" in ended.err
    assert "--force" in ended.err
    assert (written.stat().st_ino, written.read_bytes()) == before


def test_a_recording_is_never_written_over_not_even_by_force(world: World) -> None:
    arguments = ("annotate", "pilot", "-o", "media", "--include", "clip.mp4", "--force")
    ended = moodreel(*arguments, cwd=world.folder)
    assert ended.code == 1
    assert "[output.recording]" in ended.err
    assert "lies within" in ended.err
    os.remove(world.folder / "media" / "clip.mp4.sheet.jpg")  # noqa: PTH107


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "x", "--boxes"), "--boxes without --blur"),
        (("-o", "-"), "written to a folder"),
        (("-o", "moodreel.db"), "is a file"),
        (("-o", "x", "--include", "*.gif"), "no file of this job"),
        (("-o", "x", "--include", "*.jpg", "--sheets-only"), "no video of this job"),
    ],
)
def test_what_cannot_be_meant_is_refused(world: World, arguments: tuple[str, ...], said: str) -> None:
    ended = moodreel("annotate", "pilot", *arguments, cwd=world.folder)
    assert ended.code == 2
    assert said in ended.err
    assert "hint: " in ended.err
