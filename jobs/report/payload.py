"""What the page's script is given, as JSON: the other side of `assets/data.js`. Rounded to what is drawn."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from db.emotions import EMOTIONS
from jobs.cli.output import printable
from jobs.report.curve import SCALE, UNKNOWN, packed
from jobs.report.facts import FileFacts, Report
from jobs.report.groups import Course, Line
from jobs.report.highlights import tracks_of
from jobs.report.numbers import Floats, Ints

MOST_LINES = 150
"""Lines of all comparisons together."""


def payload(report: Report) -> str:
    """All that is drawn, as JSON that may stand inside a script element of any page."""
    courses = [_course(one) for one in courses_shown(report)]
    return escaped({"emotions": EMOTIONS, "files": [_file(one) for one in report.files], "courses": courses})


def courses_shown(report: Report) -> list[Course]:
    """As many comparisons as a page has room for."""
    lines = 0
    shown = []
    for course in report.courses:
        lines += len(course.lines)
        if lines <= MOST_LINES:
            shown.append(course)
    return shown


def escaped(value: Any) -> str:
    """JSON without a letter that could end its element, open another, or end a line of a script."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    # A lone surrogate cannot be written in UTF-8; in a string its escape is JSON too.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _file(one: FileFacts) -> dict[str, Any]:
    file, media = one.file, one.file.media
    made: dict[str, Any] = {
        "path": printable(file.path),
        "tags": {printable(key): printable(value) for key, value in file.tags.items()},
        "state": one.state,
        "kind": media.kind if media else "",
        "length": round(media.duration_s, 2) if media else 0,
        "frames": media.frames if media else 0,
        "seen": media.frames_with_face if media else 0,
        "faces": media.faces if media else 0,
        "width": media.width if media else 0,
        "height": media.height if media else 0,
        "shares": None if one.shares is None else [round(share * 1000) for share in one.shares],
        "valence": None if one.valence is None else round(one.valence, 3),
        "strip": one.strip,
        "url": one.link.url,
        "missing": printable(one.link.missing),
        "reason": printable(file.problem.reason) if file.problem else "",
        "moments": [],
        "tracks": [],
        "thumbs": _thumbs(one.thumbnails),
    }
    return made | (_drawn(one) if one.curve is not None else {})


def _drawn(one: FileFacts) -> dict[str, Any]:
    curve = one.curve
    assert curve is not None  # noqa: S101  asked before
    tracks = tracks_of(one.appearances)
    return {
        "first": round(curve.first_s, 4),
        "step": curve.step_s,
        "steps": curve.steps,
        "points": len(curve.step),
        "boxes": curve.boxes.count,
        "data": packed(curve, tracks),
        "moments": [
            {
                "time": round(moment.time_s, 3),
                "emotion": moment.emotion,
                "probability": round(moment.probability, 3),
                "box": moment.box,
            }
            for moment in one.moments
        ],
        "tracks": [
            {
                "track": seen.track,
                "from": round(seen.start_s, 2),
                "to": round(seen.end_s, 2),
                "faces": seen.faces,
                "emotion": seen.emotion,
                "valence": None if seen.valence is None else round(seen.valence, 3),
                "box": seen.box,
            }
            for seen in one.appearances
        ],
    }


def _thumbs(pictures: Mapping[int, bytes]) -> dict[str, str]:
    return {
        str(box): f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}" for box, jpeg in pictures.items()
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        "stimulus": printable(course.stimulus),
        "tag": printable(course.tag),
        "step": course.step_s,
        "steps": len(course.lines[0].estimate.mean),
        "lines": [
            {"value": printable(line.value), "participants": line.participants, "data": _packed(line)}
            for line in course.lines
        ],
    }


def _packed(line: Line) -> str:
    """Participants by step, then means and half bands, each of nine measures by step."""
    mean, half = line.estimate.mean.copy(), line.estimate.half.copy()
    mean[:, 8] = (mean[:, 8] + 1) / 2
    half[:, 8] = half[:, 8] / 2
    n = line.estimate.n[:, :8].max(axis=1).astype("<u2")
    raw = n.tobytes() + _levels(mean).astype("u1").tobytes() + _levels(half).astype("u1").tobytes()
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode("ascii")


def _levels(values: Floats) -> Ints:
    known = np.rint(np.clip(np.nan_to_num(values), 0, 1) * SCALE)
    return np.where(np.isfinite(values), known, UNKNOWN).astype(np.int64).T
