"""Small pictures of faces, cut from the recordings by supervised children: this process opens none."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from db.engine import reading
from db.records import Face, FileIdentity, Problem
from db.report_faces import facts_of, frame_places
from db.store import Store
from jobs.report.curve import Boxes
from jobs.report.facts import FileFacts, Report
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode
from workers.detection import catalogue as detectors
from workers.hashing import current_identity, sha256_of
from workers.messages import AnalyseBatch, Cutout, Give, SegmentResult, SegmentWork
from workers.settings import Settings
from workers.supervisor import CrewBroken, ItemDone, Supervisor, Task

MOST_OF_A_FILE = 8
MOST = 600
"""Of a page: two megabytes or so."""
SIDE_PX = 112
AROUND = 1.25
"""Side of the picture in box heights."""
BLURRED_PX = 6
"""A blurred face keeps so many pixels on a side: light and colour, nobody's features."""
QUALITY = 78
LEAST_OVERLAP = 0.3
"""Intersection over union from which a face found again is the one in the database."""
WAIT_S = 0.2
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Errand:
    """What is to be cut from one file: frames, and for each the places of the boxes that are wanted of it."""

    file: int
    boxes: Boxes
    work: tuple[SegmentWork, ...]
    places: tuple[tuple[int, ...], ...]


def with_thumbnails(store: Store, report: Report, settings: Settings, *, blur: bool) -> Report:
    """The report with pictures of the faces that it names; those that cannot be cut are counted in its notes."""
    wanted = dict(_wanted(report.files))
    errands = list(_errands(store, report, wanted))
    cut, broken = _cut(errands, settings, blur=blur)
    files = [replace(one, thumbnails=cut.get(at, {})) for at, one in enumerate(report.files)]
    lacking = sum(map(len, wanted.values())) - sum(map(len, cut.values()))
    notes = list(report.notes)
    if lacking:
        why = broken or "their recording is not here, or no longer what it was"
        notes.append(f"{lacking:,} thumbnail{'s' if lacking > 1 else ''} could not be cut: {why}.")
    return replace(report, files=files, notes=tuple(notes))


def _wanted(files: Sequence[FileFacts]) -> Iterator[tuple[int, list[int]]]:
    """By file, the places of the boxes that the page shows a face of."""
    left = MOST
    for at, one in enumerate(files):
        if one.curve is None:
            continue
        named = [moment.box for moment in one.moments] + [seen.box for seen in one.appearances]
        is_photo = one.file.media is not None and one.file.media.kind == "photo"
        boxes = [*range(one.curve.boxes.count)] if is_photo else [box for box in dict.fromkeys(named) if box >= 0]
        mine = boxes[: min(MOST_OF_A_FILE, left)]
        left -= len(mine)
        if mine:
            yield at, mine


def _errands(store: Store, report: Report, wanted: Mapping[int, Sequence[int]]) -> Iterator[_Errand]:
    with reading(store.engine) as connection:
        for at, places in wanted.items():
            one = report.files[at]
            source = _source(one)
            if source is None or one.file.media is None or one.curve is None:
                continue
            boxes = one.curve.boxes
            number = one.file.media.media_analysis_id
            facts = facts_of(connection, number)
            spec = _spec(report, facts.kind)
            by_pts: dict[int, list[int]] = {}
            for place in places:
                by_pts.setdefault(int(boxes.pts[place]), []).append(place)
            frames = frame_places(connection, number, by_pts)
            work = tuple(SegmentWork(source, facts, frame.segment, spec, Give.CROPS) for frame in frames)
            yield _Errand(at, boxes, work, tuple(tuple(by_pts[frame.pts]) for frame in frames))


def _source(one: FileFacts) -> FileIdentity | None:
    """The file, if it still holds what was analysed."""
    identity = current_identity(one.link.path) if one.link.path else None
    if identity is None or isinstance(identity, Problem) or one.file.media is None:
        return None
    if (identity.size, identity.mtime_ns) == (one.file.size, one.file.mtime_ns):
        return identity
    return identity if sha256_of(identity) == one.file.media.sha256 else None


def _spec(report: Report, kind: str) -> AnalysisSpec:
    """The analysis that found the faces, for single frames. What a service found is found again by a detector here."""
    spec = AnalysisSpec.from_json(json.loads(report.job.request_json)["analysis"])
    detector = spec.detector if spec.detector.name in detectors.DETECTORS else detectors.resolve(DetectorSpec())
    sampling = None if kind == "photo" else Sampling(SamplingMode.EVERY_FRAME)
    return replace(spec, sampling=sampling, detector=detector)


def _cut(errands: Sequence[_Errand], settings: Settings, *, blur: bool) -> tuple[dict[int, dict[int, bytes]], str]:
    """Thumbnails by file and box, and why none can be cut at all, where that is so."""
    cut: dict[int, dict[int, bytes]] = {}
    with Supervisor(settings.workers, settings.limits, settings.device) as supervisor:
        for number, errand in enumerate(errands):
            supervisor.submit(Task(number, AnalyseBatch(errand.work)))
        broken = ""
        while supervisor.pending:
            for event in supervisor.events(WAIT_S):
                match event:
                    case ItemDone(task, index, SegmentResult() as result):
                        errand = errands[task.id]
                        cut.setdefault(errand.file, {}).update(_pictures(errand, index, result, blur=blur))
                    case CrewBroken(reason):
                        broken = reason
    return cut, broken


def _pictures(errand: _Errand, index: int, result: SegmentResult, *, blur: bool) -> dict[int, bytes]:
    """The wanted faces of one frame, as far as they are found again."""
    facts = errand.work[index].facts
    faces = [face for frame in result.frames for face in frame.faces]
    pictures = {}
    for place in errand.places[index]:
        box = errand.boxes.xywh[place] * (facts.width, facts.height, facts.width, facts.height)
        overlaps = [_overlap(face, box) for face in faces]
        best = int(np.argmax(overlaps)) if overlaps else -1
        if best >= 0 and overlaps[best] >= LEAST_OVERLAP and best < len(result.cutouts):
            pictures[place] = thumbnail(result.cutouts[best], blur=blur)
    return pictures


def _overlap(face: Face, box: NDArray[np.float64]) -> float:
    """Intersection over union."""
    x, y, width, height = map(float, box)
    across = min(face.box_x + face.box_width, x + width) - max(face.box_x, x)
    down = min(face.box_y + face.box_height, y + height) - max(face.box_y, y)
    both = max(0.0, across) * max(0.0, down)
    either = face.box_width * face.box_height + width * height - both
    return both / either if either > 0 else 0.0


def thumbnail(cutout: Cutout, *, blur: bool) -> bytes:
    """The square around a face as a JPEG of SIDE_PX; blurred, nothing of it is left that is finer than BLURRED_PX."""
    pixels = _square(cutout)
    if blur:
        coarse = cv2.resize(pixels, (BLURRED_PX, BLURRED_PX), interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    else:
        pixels = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError(f"OpenCV encodes no JPEG of shape {pixels.shape}")
    return encoded.tobytes()


def _square(cutout: Cutout) -> Pixels:
    """The middle of a cut-out around its face, as far as it reaches; at least one pixel."""
    height, width = cutout.pixels.shape[:2]
    x, y, face_width, face_height = cutout.face_xywh
    side = max(1, min(width, height, round(AROUND * face_height)))
    left = min(max(0, round(x + face_width / 2 - side / 2)), width - side)
    top = min(max(0, round(y + face_height / 2 - side / 2)), height - side)
    return cutout.pixels[top : top + side, left : left + side]
