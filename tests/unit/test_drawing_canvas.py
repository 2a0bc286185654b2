"""Drawing upon BGR and upon the planes of a frame gives the same picture; colours stay apart for every eye."""

import re
from importlib.resources import files
from itertools import combinations

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from tests.support.drawing import Sight, photo_facts, seen_of
from workers.drawing import stamps
from workers.drawing.canvas import Canvas
from workers.drawing.covering import Region
from workers.drawing.lettering import font, lettered, shortened
from workers.drawing.painter import Painter
from workers.drawing.palette import EMOTION_COLOURS, track_colour
from workers.drawing.upright import Shape, Turner
from workers.drawing.work import NO_TRACK, NOT_SCORED, Look

WIDTH, HEIGHT = 320, 240
Picture = NDArray[np.uint8]


def ground() -> Picture:
    return np.full((HEIGHT, WIDTH, 3), (120, 110, 100), np.uint8)


def as_frame(colorspace: int, color_range: int) -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(ground(), "bgr24").reformat(
        format="yuv420p", dst_colorspace=colorspace, dst_color_range=color_range
    )
    made.colorspace, made.color_range = colorspace, color_range
    return made


def scene() -> Painter:
    seen = seen_of([0], [Sight(0, (60, 40, 90, 110), 1), Sight(0, (200, 60, 70, 90), 2)])
    return Painter(seen, photo_facts(WIDTH, HEIGHT), Look())


@pytest.mark.parametrize("colorspace", [1, 5, 9])
@pytest.mark.parametrize("color_range", [1, 2])
def test_what_is_drawn_upon_planes_looks_like_what_is_drawn_upon_a_picture(colorspace: int, color_range: int) -> None:
    picture, block = ground(), Region(8, 200, 48, 232)
    first = as_frame(colorspace, color_range)
    frame, canvas = Turner(Shape.of(first, None), (WIDTH, HEIGHT)).turned(first)
    for each in (Canvas.of_bgr(picture), canvas):
        scene().paint(each, 0)
        each.fill(block, EMOTION_COLOURS[3])
    frame.colorspace, frame.color_range = colorspace, color_range
    back = frame.reformat(format="bgr24", src_colorspace=colorspace, src_color_range=color_range).to_ndarray()
    assert back[216, 28].tolist() == pytest.approx(EMOTION_COLOURS[3][::-1], abs=4)
    # Edges may lie a pixel elsewhere there, for colours are coarser.
    smooth = [cv2.blur(one, (9, 9)).astype(int) for one in (picture, back)]
    assert np.abs(smooth[0] - smooth[1]).mean() < 3
    assert np.percentile(np.abs(smooth[0] - smooth[1]), 99) < 20


def test_what_hangs_over_the_edge_is_cut_off() -> None:
    picture = ground()
    canvas = Canvas.of_bgr(picture)
    stamp = stamps.note("0:00", 20)
    for x, y in ((-10, -5), (WIDTH - 5, HEIGHT - 5), (WIDTH + 50, 0), (0, -100)):
        canvas.press(stamp, x, y)
    canvas.fill(Region(-50, -50, 5, 5), (255, 0, 0))
    canvas.fill(Region(WIDTH + 1, 0, WIDTH + 9, 9), (255, 0, 0))
    assert picture[0, 0].tolist() == [0, 0, 255]
    assert picture[HEIGHT // 2, WIDTH // 2].tolist() == [120, 110, 100]


@pytest.mark.parametrize("side", [36, 240, 360, 1080, 4320])
def test_letters_grow_with_the_picture_and_never_vanish(side: int) -> None:
    assert stamps.LEAST_TEXT_PX <= stamps.text_px(side) <= max(stamps.LEAST_TEXT_PX, side // 20)


def test_bars_are_as_high_as_what_they_show_is_probable() -> None:
    scores = [0.0, 1.0, 0.5, float("nan"), 0.25, 0.0, 0.0, 0.0]
    stamp = stamps.bars(scores, 1, 200, 20)
    heights = [int((stamp.pixels[..., :3] == colour).all(axis=2).sum(axis=0).max()) for colour in EMOTION_COLOURS]
    full = heights[1]
    assert full > 30
    assert heights[2] == pytest.approx(full / 2, abs=2)
    assert heights[4] == pytest.approx(full / 4, abs=2)
    assert heights[3] == 0


def test_a_face_without_scores_or_track_gets_its_box_and_no_invention() -> None:
    assert stamps.label(NO_TRACK, NOT_SCORED, 0, 20) is None
    only_track = stamps.label(3, NOT_SCORED, 0, 20)
    both = stamps.label(3, 1, 60, 20)
    assert only_track is not None
    assert both is not None
    assert only_track.width < both.width


def test_the_colours_of_emotions_are_those_of_the_report_on_dark_ground() -> None:
    style = (files("jobs.report") / "assets" / "page.css").read_text("utf-8")
    dark = style[style.index('data-theme="dark"] {') :]
    shown = [tuple(bytes.fromhex(found)) for found in re.findall(r"--c\d: #([0-9a-f]{6})", dark)[: len(EMOTIONS)]]
    assert shown == list(EMOTION_COLOURS)


def test_the_colours_of_tracks_come_again_only_after_eight_and_stay_apart_for_every_eye() -> None:
    tracks = [track_colour(track) for track in range(1, 9)]
    assert [track_colour(track + 8) for track in range(1, 9)] == tracks
    assert track_colour(NO_TRACK) not in tracks
    for matrix in SEEN_AS.values():
        seen = [_lab(matrix @ _linear(colour)) for colour in tracks]
        assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 10


SEEN_AS = {
    "everybody": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "tritanopia": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
"""Machado, Oliveira and Fernandes 2009, full strength, upon linear RGB."""


def _linear(colour: tuple[int, int, int]) -> NDArray[np.float64]:
    return np.power(np.array(colour) / 255, 2.2)


def _lab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    rgb = np.power(linear.clip(0, 1), 1 / 2.2).astype(np.float32).reshape(1, 1, 3)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0, 0].astype(np.float64)


@pytest.mark.parametrize("text", ["clip.mp4", "naïve Привет 日本語.mov", "\udcff\x00 tab\t", "\u202egpj", ""])
def test_any_name_can_be_drawn(text: str) -> None:
    words, letters = lettered(text, 20)
    assert len(words) == len(text)
    assert letters.getlength(shortened(words * 9, 100, letters)) <= 100
    assert stamps.note(text or " ", 20).width > 0


def test_ordinary_text_is_drawn_in_our_own_font_as_it_is() -> None:
    assert lettered("happiness 87 %, 0:07.4", 20) == ("happiness 87 %, 0:07.4", font(20))
