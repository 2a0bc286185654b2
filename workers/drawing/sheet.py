"""A contact sheet: chosen moments of a video side by side, each with its boxes and its time. Only they are decoded."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from db.emotions import EMOTIONS
from workers.drawing.canvas import Canvas
from workers.drawing.film_clock import clock_words
from workers.drawing.lettering import font, lettered, shortened
from workers.drawing.output import Report, Write, hand_over
from workers.drawing.painter import Painter
from workers.drawing.palette import EMOTION_COLOURS, INK, PANEL, SOFT
from workers.drawing.sheet_layout import CAPTION, CHIP, MARGIN, TEXT, TITLE, WIDTH, SheetLayout
from workers.drawing.work import NOT_SCORED, DrawResult, DrawWork, Look, Seen, SheetPlan
from workers.messages import SegmentWork
from workers.video.orientation import fit
from workers.video.picture import Picture
from workers.video.source import open_source

QUALITY = 90
Pixels = NDArray[np.uint8]


def draw_sheet(work: DrawWork, plan: SheetPlan, write: Write, report: Report) -> DrawResult:
    """Make a JPEG of a plan. Raises MediaError."""
    layout = SheetLayout.of(work.facts.width, work.facts.height, len(plan.moments), len(plan.lines))
    sheet = Image.new("RGB", layout.size, PANEL)
    draw = ImageDraw.Draw(sheet)
    _head(draw, plan, layout)
    look = Look(work.look.boxes, work.look.blur)  # the time stands below
    painter = Painter(Seen.unpacked(work.seen), work.facts, look, layout.cell_width / work.facts.width)
    for at, moment in enumerate(plan.moments):
        x, y = layout.cell(at)
        picture = _read(work, plan, at)
        if picture.pixels is not None:
            pixels = np.array(fit(picture.pixels, (layout.cell_width, layout.cell_height)))
            painter.paint(Canvas.of_bgr(pixels), picture.pts)
            sheet.paste(Image.fromarray(pixels[:, :, ::-1]), (x, y))
        _caption(draw, (x, y + layout.cell_height), picture.time_s, moment.emotion)
        report(at + 1)
    hand_over(_jpeg(np.asarray(sheet)[:, :, ::-1]), write)
    return DrawResult(len(plan.moments))


def _read(work: DrawWork, plan: SheetPlan, at: int) -> Picture:
    segment = plan.moments[at].segment
    with open_source(SegmentWork(work.source, work.facts, segment, plan.analysis)) as source:
        return next(iter(source))


def _head(draw: ImageDraw.ImageDraw, plan: SheetPlan, layout: SheetLayout) -> None:
    title, letters = lettered(plan.title, TITLE)
    title = shortened(title, WIDTH - 2 * MARGIN, letters)
    draw.text((MARGIN, layout.line(0)), title, INK, letters, "ls")
    for at, line in enumerate(plan.lines, start=1):
        words, letters = lettered(line, TEXT)
        draw.text((MARGIN, layout.line(at)), shortened(words, WIDTH - 2 * MARGIN, letters), SOFT, letters, "ls")
    _legend(draw, layout.line(len(plan.lines) + 1))


def _legend(draw: ImageDraw.ImageDraw, y: int) -> None:
    """Which colour is which emotion."""
    letters, x = font(TEXT), MARGIN
    for name, colour in zip(EMOTIONS, EMOTION_COLOURS, strict=True):
        draw.rectangle((x, y - CHIP, x + CHIP, y), fill=colour)
        draw.text((x + 1.5 * CHIP, y), name, SOFT, letters, "ls")
        x += round(1.5 * CHIP + letters.getlength(name) + 1.5 * TEXT)


def _caption(draw: ImageDraw.ImageDraw, place: tuple[int, int], time_s: float, emotion: int) -> None:
    """When it was, and what peaks there."""
    (x, y), letters, words = place, font(TEXT), clock_words(time_s, tenths=True)
    y += round(CAPTION * 0.72)
    draw.text((x, y), words, INK, letters, "ls")
    if emotion != NOT_SCORED:
        x += round(letters.getlength(words)) + TEXT
        draw.rectangle((x, y - CHIP, x + CHIP, y), fill=EMOTION_COLOURS[emotion])
        draw.text((x + 1.5 * CHIP, y), f"most {EMOTIONS[emotion]}", SOFT, letters, "ls")


def _jpeg(pixels: Pixels) -> bytes:
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError(f"OpenCV encodes no JPEG of shape {pixels.shape}")
    return encoded.tobytes()
