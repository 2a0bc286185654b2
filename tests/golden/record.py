"""The record of one file: its facts and every sampled frame's faces, as the pipeline gives them, ready for JSON."""

import hashlib
from pathlib import Path
from typing import Any

from db.records import Face, Frame
from tests.support.segments import analysed, planned

FOLDER = Path(__file__).parent
NAMES = (
    "WolfgangLanger_Pexels.mp4",
    "face_noface.mov",
    "multi_face.jpg",
    "no_face.mp4",
    "single_face.jpg",
    "single_face.mp4",
)


def golden_path(name: str) -> Path:
    """Where the record of a file of the shared media is kept."""
    return FOLDER / f"{name}.json"


def record(path: Path) -> dict[str, Any]:
    """The file at one frame a second, with the default detector and scorer."""
    facts = planned(path).facts
    assert facts is not None
    return {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "facts": {
            "container": facts.container,
            "codec": facts.codec,
            "size": [facts.width, facts.height],
            "rotation": facts.rotation,
            "time_base": [facts.time_base_num, facts.time_base_den],
            "frame_count": facts.frame_count,
            "timing": facts.timing,
        },
        "frames": [_frame(frame) for result in analysed(path) for frame in result.frames],
    }


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "pts": frame.pts,
        "time_s": frame.time_s,
        "status": str(frame.status),
        "faces_dropped": frame.faces_dropped,
        "faces": [_face(face) for face in frame.faces],
    }


def _face(face: Face) -> dict[str, Any]:
    assert face.scores is not None
    return {
        "box": [round(value, 2) for value in (face.box_x, face.box_y, face.box_width, face.box_height)],
        "landmarks": [round(value, 2) for value in face.landmarks],
        "confidence": round(face.confidence, 5),
        "scores": [round(value, 6) for value in face.scores],
    }
