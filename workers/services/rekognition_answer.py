"""What Rekognition answers, read: faces of an answer that went well, one error of any other. No network, no boto3.

Its emotions are not ours. HAPPY, SAD, ANGRY, DISGUSTED, SURPRISED and FEAR mean what FER+ means; CALM is taken for
neutral, which it does not have; CONFUSED and UNKNOWN have no place among ours and are kept with the attributes, in per
cent as they came. The seven that are left are made probabilities of sum 1. It knows no contempt: that is always 0, and
the card says so (`never_gives`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from db.emotions import EMOTIONS
from workers.errors import SettingsError
from workers.services.base import (
    Answer,
    BadPicture,
    Call,
    Landmarks,
    Nonsense,
    Refused,
    ServiceError,
    ServiceFace,
    Throttled,
    Unavailable,
)
from workers.services.wire import LATER, short

TITLE = "Amazon Rekognition"
OURS = {
    "CALM": "neutral",
    "HAPPY": "happiness",
    "SURPRISED": "surprise",
    "SAD": "sadness",
    "ANGRY": "anger",
    "DISGUSTED": "disgust",
    "FEAR": "fear",
}
_THEIRS = ("CONFUSED", "UNKNOWN")
_FIELDS = {
    "AGE_RANGE": ("AgeRange",),
    "BEARD": ("Beard",),
    "DEFAULT": ("Pose", "Quality"),
    "EYE_DIRECTION": ("EyeDirection",),
    "EYEGLASSES": ("Eyeglasses",),
    "EYES_OPEN": ("EyesOpen",),
    "FACE_OCCLUDED": ("FaceOccluded",),
    "GENDER": ("Gender",),
    "MOUTH_OPEN": ("MouthOpen",),
    "MUSTACHE": ("Mustache",),
    "SMILE": ("Smile",),
    "SUNGLASSES": ("Sunglasses",),
}
"""What answers each attribute that may be asked for; ALL asks for all of them."""
_POINTS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")
"""Left and right of the picture: the person's right comes first, as in ours."""

_CREDENTIALS = frozenset(
    (
        *("UnrecognizedClientException", "InvalidSignatureException", "MissingAuthenticationTokenException"),
        *("IncompleteSignatureException", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        *("ExpiredTokenException", "ExpiredToken", "MissingAuthenticationToken", "InvalidAccessKeyId"),
    )
)
_DENIED = frozenset(("AccessDeniedException", "AccessDenied", "OptInRequired", "SubscriptionRequiredException"))
_THROTTLED = frozenset(
    (
        *("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling"),
        *("TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "SlowDown"),
    )
)
_PICTURE = frozenset(("ImageTooLargeException", "InvalidImageFormatException", "InvalidParameterException"))
"""The last is what it says of a picture that is too small; of parameters we send none but the attributes."""
CREDENTIALS_HINT = (
    "give boto3 credentials and a region as any AWS program: AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
    "and AWS_DEFAULT_REGION"
)


def checked(attributes: Sequence[str]) -> tuple[str, ...]:
    """Attributes that DetectFaces knows. Raises SettingsError."""
    known = ("EMOTIONS", "ALL", *_FIELDS)
    for name in attributes:
        if name not in known:
            raise SettingsError(f"{TITLE} has no attribute {name!r}", f"it has: {', '.join(known)}")
    return tuple(attributes)


def answer_of(answer: Mapping[str, Any], size: tuple[int, int], attributes: Sequence[str]) -> Answer:
    """The faces of an answer about a picture of that size in pixels. Raises Nonsense."""
    call = _call(answer, transactions=1)
    fields = [one for name, found in _FIELDS.items() if name in attributes or "ALL" in attributes for one in found]
    try:
        faces = tuple(_face(one, size, fields) for one in answer["FaceDetails"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = f"{TITLE} answered what makes no sense: {type(error).__name__} {short(str(error))}"
        failure = Nonsense("service.nonsense", reason, "see who answers at AWS_ENDPOINT_URL_REKOGNITION", call)
    else:
        return Answer(faces, 1, call.request_id, call.status or 200)
    raise failure


def _face(raw: Mapping[str, Any], size: tuple[int, int], fields: Sequence[str]) -> ServiceFace:
    box = raw["BoundingBox"]
    left, top, width, height = (_number(box[side]) for side in ("Left", "Top", "Width", "Height"))
    if width <= 0 or height <= 0:
        raise ValueError(f"a box of {width} x {height}")
    extra = {name: raw[name] for name in fields if name in raw}
    emotions = {one["Type"]: _number(one["Confidence"]) for one in raw.get("Emotions") or ()}
    if theirs := {name: emotions[name] for name in _THEIRS if name in emotions}:
        extra["Emotions"] = theirs
    confidence = raw.get("Confidence")
    return ServiceFace(
        box_xywh=(_pixels(left, size[0]), _pixels(top, size[1]), _pixels(width, size[0]), _pixels(height, size[1])),
        scores=_scores(emotions),
        attributes=json.dumps(extra, sort_keys=True, allow_nan=False) if extra else None,
        confidence=None if confidence is None else min(max(_number(confidence) / 100, 0.0), 1.0),
        landmarks=_landmarks(raw.get("Landmarks") or (), size),
    )


def _scores(emotions: Mapping[str, float]) -> tuple[float, ...] | None:
    """Our eight of sum 1; None where it gave none, or put all on CONFUSED and UNKNOWN."""
    ours = {OURS[name]: percent for name, percent in emotions.items() if name in OURS}
    total = math.fsum(ours.values())
    if any(not 0 <= percent <= 100.01 for percent in emotions.values()):
        raise ValueError(f"emotions outside 0 to 100 per cent: {emotions}")
    return tuple(ours.get(name, 0.0) / total for name in EMOTIONS) if total > 0 else None


def _landmarks(raw: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> Landmarks | None:
    at = {one["Type"]: (_pixels(_number(one["X"]), size[0]), _pixels(_number(one["Y"]), size[1])) for one in raw}
    if not all(name in at for name in _POINTS):
        return None
    return tuple(value for name in _POINTS for value in at[name])  # type: ignore[return-value]


def _pixels(share: float, length: int) -> float:
    """A share of a side in pixels, which a number near the largest is none of."""
    return _number(share * length)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} where a number belongs")
    return float(value)


def error_of(answer: Mapping[str, Any]) -> ServiceError:
    """The one error that an answer with an `Error` means. Throttling is a 400 or a 500 here, never a 429."""
    told = answer.get("Error") or {}
    code = str(told.get("Code") or "").rpartition("#")[2]
    call = _call(answer)
    said = short(f"{code or call.status}: {told.get('Message') or ''}")
    if code in _THROTTLED:
        hint = "ask for a lower --rate, or AWS for a higher quota of DetectFaces"
        return Throttled("service.throttled", f"{TITLE} says that there are too many calls ({said})", hint, call)
    if code in _CREDENTIALS:
        return Refused("service.key", f"{TITLE} does not know these credentials ({said})", CREDENTIALS_HINT, call)
    if code in _DENIED:
        hint = "the account's policy has to allow rekognition:DetectFaces"
        return Refused("service.denied", f"{TITLE} denies this account the call ({said})", hint, call)
    if code in _PICTURE:
        hint = "convert it to a JPEG of at most 5 MB whose sides have at least 80 pixels"
        return BadPicture("service.picture", f"{TITLE} does not take this picture ({said})", hint, call)
    if call.status is None or call.status >= 500 or call.status == 408:
        return Unavailable("service.unavailable", f"{TITLE} is not available ({said})", LATER, call)
    hint = "see the region and AWS_ENDPOINT_URL_REKOGNITION"
    return Refused("service.request", f"{TITLE} does not take such a call (status {call.status}, {said})", hint, call)


def failure_of(kind: str, words: str) -> ServiceError:
    """The one error that a failure of botocore means, by the name of its class: nothing that can be read came back."""
    said = f"{kind}: {short(words)}"
    if "Credential" in kind or "Token" in kind or kind.startswith(("SSO", "Login", "Unauthorized", "Refresh")):
        return Refused("service.key", f"there are no credentials for {TITLE} ({said})", CREDENTIALS_HINT)
    if kind == "SSLError":
        hint = "name a certificate authority of your own in AWS_CA_BUNDLE"
        return Refused("service.certificate", f"{TITLE} shows a certificate that is not trusted ({said})", hint)
    if kind in ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError", "ConnectionError"):
        hint = f"see the region, the network and AWS_ENDPOINT_URL_REKOGNITION; {LATER}"
        return Unavailable("service.unavailable", f"{TITLE} cannot be reached ({said})", hint)
    if kind in ("ReadTimeoutError", "ConnectionClosedError", "ResponseStreamingError", "HTTPClientError"):
        reason = f"{TITLE} broke off, or did not answer in time ({said})"
        return Unavailable("service.unavailable", reason, LATER, Call(sent=True))
    if kind in ("ResponseParserError", "IncompleteReadError"):
        hint = "see who answers at AWS_ENDPOINT_URL_REKOGNITION"
        return Nonsense("service.nonsense", f"{TITLE} answered what cannot be read ({said})", hint, Call(sent=True))
    return Refused("service.request", f"boto3 cannot make such a call ({said})", CREDENTIALS_HINT)


def _call(answer: Mapping[str, Any], transactions: int = 0) -> Call:
    told = answer.get("ResponseMetadata") or {}
    return Call(told.get("HTTPStatusCode"), told.get("RequestId"), transactions)
