"""A stand-in for Amazon Rekognition, DetectFaces: JSON 1.1, a signed request, ratios for boxes, per cent for the rest.

It throttles by exceptions with status 400 or 500, never by a 429, and never says how long to wait.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from db.records import Face

from .eyes import EYES, Sight, is_large_enough
from .server import Rules, StandIn, run
from .transport import Request, Response

ACCESS_KEY = "AKIASTANDIN0000000"
MOST_BYTES = 5 * 2**20
LEAST_SIDE_PX = 80
LEAST_FACE_PX = 40
MOST_FACES = 100
THEIRS = {
    "neutral": "CALM",
    "happiness": "HAPPY",
    "surprise": "SURPRISED",
    "sadness": "SAD",
    "anger": "ANGRY",
    "disgust": "DISGUSTED",
    "fear": "FEAR",
    "contempt": "CONFUSED",
}
"""The last is this stand-in's own choice: Rekognition knows no contempt, and FER+ no confusion."""
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/[a-z0-9-]+/rekognition/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}"
)
_ATTRIBUTES = frozenset(
    (
        *("DEFAULT", "ALL", "EMOTIONS", "AGE_RANGE", "BEARD", "EYE_DIRECTION", "EYEGLASSES", "EYES_OPEN", "GENDER"),
        *("MOUTH_OPEN", "MUSTACHE", "FACE_OCCLUDED", "SMILE", "SUNGLASSES"),
    )
)
_FIXED: dict[str, tuple[str, Any]] = {
    "AGE_RANGE": ("AgeRange", {"Low": 25, "High": 33}),
    "SMILE": ("Smile", {"Value": False, "Confidence": 97.5}),
    "GENDER": ("Gender", {"Value": "Female", "Confidence": 99.5}),
    "EYEGLASSES": ("Eyeglasses", {"Value": False, "Confidence": 99.0}),
    "BEARD": ("Beard", {"Value": False, "Confidence": 99.0}),
}
"""What no local model tells: the same of every face."""
_POINTS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")


@dataclass
class RekognitionRules(Rules):
    """How the stand-in behaves."""

    access_keys: tuple[str, ...] = (ACCESS_KEY,)
    throttle: str = "provisioned"
    """Of a call too many: `provisioned`, `throttling` (both 400), or `unavailable` (500)."""
    unknown: float = 0.0
    """Per cent that every face is UNKNOWN, which real answers rarely name."""
    most_bytes: int = MOST_BYTES


_EXCEPTIONS = {
    "provisioned": (400, "ProvisionedThroughputExceededException", "Provisioned Rate exceeded."),
    "throttling": (400, "ThrottlingException", "Slow down; sudden increase in rate of requests."),
    "unavailable": (500, "ThrottlingException", "Service Unavailable"),
    "internal": (500, "InternalServerError", "Internal server error."),
    "denied": (400, "AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform this."),
    "expired": (400, "ExpiredTokenException", "The security token included in the request is expired"),
    "signature": (400, "InvalidSignatureException", "The request signature we calculated does not match."),
    "too-large": (400, "ImageTooLargeException", "Image size is too large."),
    "format": (400, "InvalidImageFormatException", "Request has invalid image format."),
    "parameter": (400, "InvalidParameterException", "Request has invalid parameters."),
}


class RekognitionStandIn(StandIn):
    """Amazon Rekognition, DetectFaces."""

    name: ClassVar[str] = "rekognition"
    rules: RekognitionRules

    def __init__(self, rules: RekognitionRules | None = None, port: int = 0, certificate: Path | None = None) -> None:
        super().__init__(rules or RekognitionRules(), port, certificate)

    def rated(self, request: Request) -> bool:
        """Calls of DetectFaces by somebody it knows."""
        return self._stranger(request) is None and _operation(request) == "DetectFaces"

    def serve(self, request: Request) -> Response:
        """What DetectFaces says."""
        stranger = self._stranger(request)
        if stranger is not None:
            return stranger
        if _operation(request) != "DetectFaces":
            return _exception(400, "UnknownOperationException", "")
        asked = json.loads(request.body)
        attributes = set(asked.get("Attributes") or ["DEFAULT"])
        try:
            picture = base64.b64decode(asked["Image"]["Bytes"], validate=True)
        except (KeyError, binascii.Error):
            return _named("parameter")
        if len(picture) > self.rules.most_bytes:
            return _named("too-large")
        return self._look(picture, attributes)

    def _look(self, picture: bytes, attributes: set[str]) -> Response:
        sight = EYES.look(picture)
        if sight is None or sight.form not in ("jpeg", "png"):
            return _named("format")
        if min(sight.width, sight.height) < LEAST_SIDE_PX or not attributes <= _ATTRIBUTES:
            return _named("parameter")
        return self._answer(sight, attributes)

    def _stranger(self, request: Request) -> Response | None:
        signed = _SIGNED.fullmatch(request.headers.get("authorization", ""))
        if signed is None or "x-amz-date" not in request.headers:
            return _exception(400, "MissingAuthenticationTokenException", "Missing Authentication Token")
        if signed[1] not in self.rules.access_keys:
            message = "The security token included in the request is invalid."
            return _exception(400, "UnrecognizedClientException", message)
        return None

    def _answer(self, sight: Sight, attributes: set[str]) -> Response:
        pairs = zip(sight.faces, sight.scores, strict=True)
        seen = [pair for pair in pairs if is_large_enough(pair[0], sight, LEAST_FACE_PX)]
        details = [_detail(face, row, sight, attributes, self.rules.unknown) for face, row in seen[:MOST_FACES]]
        return _json(self.rules.fine_status, {"FaceDetails": details}, billed=1)

    def too_many(self, wait_s: float) -> Response:
        """An exception; how long to wait it keeps to itself."""
        del wait_s
        return _named(self.rules.throttle)

    def fault(self, name: str, request: Request) -> Response | None:
        """Any exception that DetectFaces is known to throw."""
        del request
        if name == "no-details":
            return _json(200, {"Faces": []}, billed=1)
        return _named(name) if name in _EXCEPTIONS else None


def _operation(request: Request) -> str:
    return request.headers.get("x-amz-target", "").removeprefix("RekognitionService.")


def _detail(face: Face, row: NDArray[np.float32], sight: Sight, attributes: set[str], unknown: float) -> dict[str, Any]:
    wide, high = sight.width, sight.height
    box = {
        "Width": face.box_width / wide,
        "Height": face.box_height / high,
        "Left": face.box_x / wide,
        "Top": face.box_y / high,
    }
    xy = face.landmarks
    told: dict[str, Any] = {
        "BoundingBox": box,
        "Confidence": 100 * face.confidence,
        "Landmarks": [
            {"Type": name, "X": xy[2 * at] / wide, "Y": xy[2 * at + 1] / high} for at, name in enumerate(_POINTS)
        ],
        "Pose": {"Roll": -5.1, "Yaw": 4.0, "Pitch": 1.6},
        "Quality": {"Brightness": 43.2, "Sharpness": 49.4},
    }
    if attributes & {"ALL", "EMOTIONS"}:
        told["Emotions"] = _emotions(row, unknown)
    told |= {field: value for name, (field, value) in _FIXED.items() if attributes & {"ALL", name}}
    return told


def _emotions(row: NDArray[np.float32], unknown: float) -> list[dict[str, Any]]:
    """Per cent, the likeliest first."""
    share = 100 - unknown
    each = [
        {"Type": THEIRS[name], "Confidence": share * float(value)} for name, value in zip(EMOTIONS, row, strict=True)
    ]
    if unknown:
        each.append({"Type": "UNKNOWN", "Confidence": unknown})
    return sorted(each, key=lambda one: -float(str(one["Confidence"])))


def _json(status: int, content: Any, billed: int = 0) -> Response:
    headers = (("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", "a-request"))
    return Response(status, json.dumps(content).encode(), headers, billed)


def _named(name: str) -> Response:
    return _exception(*_EXCEPTIONS[name])


def _exception(status: int, kind: str, message: str) -> Response:
    return _json(status, {"__type": kind, "Code": kind, "Logref": "a-log", "Message": message})


if __name__ == "__main__":
    run(RekognitionStandIn, RekognitionRules())
