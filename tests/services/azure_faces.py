"""A face as Detect v1.0 writes it: keys, their order and their rounding as recorded."""

import math
import uuid
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from db.records import Face

from .azure_query import Question
from .eyes import Sight

_FIXED: dict[str, Any] = {
    "age": 31.0,
    "gender": "female",
    "smile": 0.0,
    "facialHair": {"moustache": 0.0, "beard": 0.0, "sideburns": 0.0},
    "glasses": "NoGlasses",
    "hair": {"bald": 0.66, "invisible": False, "hairColor": [{"color": "blond", "confidence": 1.0}]},
    "makeup": {"eyeMakeup": True, "lipMakeup": True},
    "occlusion": {"foreheadOccluded": False, "eyeOccluded": False, "mouthOccluded": False},
    "accessories": [{"type": "headWear", "confidence": 0.99}],
    "blur": {"blurLevel": "low", "value": 0.03},
    "exposure": {"exposureLevel": "goodExposure", "value": 0.72},
    "noise": {"noiseLevel": "low", "value": 0.03},
    "mask": {"type": "noMask", "noseAndMouthCovered": False},
    "qualityForRecognition": "high",
}
"""What no local model tells: the same of every face."""
_ORDER = ("smile", "headPose", "gender", "age", "facialHair", "glasses", "emotion", "blur", "exposure", "noise")
_POINTS = {
    "pupilLeft": 0,
    "pupilRight": 1,
    "noseTip": 2,
    "mouthLeft": 3,
    "mouthRight": 4,
    **dict.fromkeys(("eyebrowLeftOuter", "eyebrowLeftInner"), 0),
    **dict.fromkeys(("eyeLeftOuter", "eyeLeftTop", "eyeLeftBottom", "eyeLeftInner"), 0),
    **dict.fromkeys(("eyebrowRightInner", "eyebrowRightOuter"), 1),
    **dict.fromkeys(("eyeRightInner", "eyeRightTop", "eyeRightBottom", "eyeRightOuter"), 1),
    **dict.fromkeys(("noseRootLeft", "noseRootRight", "noseLeftAlarTop", "noseRightAlarTop"), 2),
    **dict.fromkeys(("noseLeftAlarOutTip", "noseRightAlarOutTip"), 2),
    **dict.fromkeys(("upperLipTop", "upperLipBottom"), 3),
    **dict.fromkeys(("underLipTop", "underLipBottom"), 4),
}
"""Its 27 landmarks, each put on the nearest of the detector's five."""


def face_of(face: Face, row: NDArray[np.float32], sight: Sight, question: Question, rounding: int) -> dict[str, Any]:
    """One face of an answer."""
    told: dict[str, Any] = {}
    if question.face_id:
        told["faceId"] = str(uuid.uuid5(uuid.NAMESPACE_URL, str(face.landmarks)))
    if question.recognition_model:
        told["recognitionModel"] = question.recognition_model
    told["faceRectangle"] = _rectangle(face, sight)
    if question.landmarks:
        xy = face.landmarks
        told["faceLandmarks"] = {
            name: {"x": round(xy[2 * at], 1), "y": round(xy[2 * at + 1], 1)} for name, at in _POINTS.items()
        }
    if question.attributes is not None:
        asked = sorted(question.attributes, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
        told["faceAttributes"] = {name: _attribute(name, face, row, rounding) for name in asked}
    return told


def _rectangle(face: Face, sight: Sight) -> dict[str, int]:
    """A square about the face's middle, in whole pixels, within the picture."""
    side = round(face.box_height)
    left = round(face.box_x + (face.box_width - side) / 2)
    top = round(face.box_y)
    right, bottom = min(left + side, sight.width), min(top + side, sight.height)
    left, top = max(left, 0), max(top, 0)
    return {"top": top, "left": left, "width": right - left, "height": bottom - top}


def _attribute(name: str, face: Face, row: NDArray[np.float32], rounding: int) -> Any:
    if name == "emotion":
        by_name = dict(zip(EMOTIONS, map(float, row), strict=True))
        return {one: round(by_name[one], rounding) for one in sorted(by_name)}
    if name == "headPose":
        right_x, right_y, left_x, left_y = face.landmarks[:4]
        return {
            "pitch": 0.7,
            "roll": round(math.degrees(math.atan2(left_y - right_y, left_x - right_x)), 1),
            "yaw": -7.4,
        }
    return _FIXED[name]
