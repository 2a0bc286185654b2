"""What a call of Detect asks for, and what the service says of a question that it does not take."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

ATTRIBUTES = (
    *("age", "gender", "headPose", "smile", "facialHair", "glasses", "emotion", "hair", "makeup", "occlusion"),
    *("accessories", "blur", "exposure", "noise", "mask", "qualityForRecognition"),
)
WITHDRAWN = frozenset(("emotion", "gender", "age", "smile", "facialHair", "hair", "makeup"))
_BY_SMALL = {name.lower(): name for name in ATTRIBUTES}
_OF_03 = ("headPose", "mask", "qualityForRecognition")
_OF_03_SINCE_2024 = ("blur", "exposure", "glasses", "occlusion")


class Wrong(Exception):
    """The message of a 400 with the code BadArgument."""


@dataclass(frozen=True)
class Question:
    """A call that is well formed."""

    face_id: bool
    landmarks: bool
    attributes: tuple[str, ...] | None
    """As they are named in the answer; None where none were asked for, and then the answer has no such key."""
    recognition_model: str | None
    """Where the answer is to name it."""

    @property
    def withdrawn(self) -> bool:
        """It asks for what is not given any more."""
        return bool(WITHDRAWN & set(self.attributes or ()))


def question_of(query: str, since_2024: bool) -> Question:
    """A query string's question. Raises Wrong."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    detection = _one_of(given, "detectionModel", ("detection_01", "detection_02", "detection_03"))
    recognition = _one_of(given, "recognitionModel", tuple(f"recognition_0{number}" for number in range(1, 5)))
    landmarks = _flag(given, "returnFaceLandmarks", False)
    attributes = _attributes(given.get("returnFaceAttributes", ""))
    if detection == "detection_02" and landmarks:
        raise Wrong("'returnLandmarks' is not supported by detection_02.")
    if attributes:
        _check(attributes, detection, recognition, since_2024)
    named = _flag(given, "returnRecognitionModel", False)
    return Question(_flag(given, "returnFaceId", True), landmarks, attributes, recognition if named else None)


def _one_of(given: dict[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = given.get(name, allowed[0])
    if value not in allowed:
        raise Wrong(f"'{name}' is invalid.")
    return value


def _flag(given: dict[str, str], name: str, default: bool) -> bool:
    value = given.get(name, str(default)).lower()
    if value not in ("true", "false"):
        raise Wrong(f"'{name}' is invalid.")
    return value == "true"


def _attributes(text: str) -> tuple[str, ...] | None:
    """Commas and no blanks: it was seen to refuse them."""
    if not text:
        return None
    names = text.split(",")
    if any(name.lower() not in _BY_SMALL for name in names):
        raise Wrong("Invalid argument returnFaceAttributes.")
    return tuple(_BY_SMALL[name.lower()] for name in names)


def _check(attributes: Iterable[str], detection: str, recognition: str, since_2024: bool) -> None:
    asked = set(attributes)
    if detection == "detection_02":
        raise Wrong("'returnFaceAttributes' is not supported by detection_02.")
    if detection == "detection_03" and asked - {*_OF_03, *(_OF_03_SINCE_2024 if since_2024 else ())}:
        raise Wrong("Only face attributes 'headpose,mask,qualityforrecognition' are supported by detection_03.")
    if detection == "detection_01" and "mask" in asked:
        raise Wrong("Face attribute 'mask' is not supported by detection_01.")
    if "qualityForRecognition" in asked and recognition not in ("recognition_03", "recognition_04"):
        raise Wrong(f"Face attribute 'qualityForRecognition' is not supported by {recognition}.")
