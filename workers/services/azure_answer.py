"""What Azure Face answers, read: faces of an answer that went well, one error of an answer that did not. No network."""

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from db.emotions import EMOTIONS
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
from workers.services.retry_after import retry_after_s
from workers.services.wire import LATER, Reply

TITLE = "Azure Face"
LOCAL = "`--scorer ferplus` gives the same eight emotions on this machine, without calls or keys"
_SPELLINGS = {
    word.lower(): word
    for word in (
        *("NoGlasses", "ReadingGlasses", "Sunglasses", "SwimmingGoggles", "headWear", "low", "medium", "high"),
        *("underExposure", "goodExposure", "overExposure", "noMask", "faceMask", "otherMaskOrOcclusion", "uncertain"),
    )
}
"""Enumerations as v1.0 sends them; its own specification and later versions write some of them otherwise."""
_TRANSACTIONS = re.compile(r"Transaction=(\d{1,6})")
_NEAR_ONE = 0.05

Quote = Callable[[str], str]


def answer_of(reply: Reply, attributes: Sequence[str], sent_id: str, quote: Quote) -> Answer:
    """The faces of a 2xx reply to a call that asked for `attributes`. Raises Nonsense."""
    call = _call(reply, sent_id, transactions=_transactions(reply))
    body = reply.json()
    if not isinstance(body, list):
        raise _nonsense(f"no list of faces: {quote(reply.body[:65536].decode(errors='replace'))}", call)
    asked = {name.lower(): name for name in attributes}
    try:
        faces = tuple(_face(one, asked) for one in body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        failure = _nonsense(f"a face that makes no sense: {quote(f'{type(error).__name__} {error}')}", call)
    else:
        return Answer(faces, call.transactions, call.request_id, reply.status)
    raise failure


def _face(raw: dict[str, Any], asked: dict[str, str]) -> ServiceFace:
    box = raw["faceRectangle"]
    left, top, width, height = (_number(box[side]) for side in ("left", "top", "width", "height"))
    if width <= 0 or height <= 0:
        raise ValueError(f"a box of {width} x {height}")
    given = {asked[name.lower()]: value for name, value in _members(raw) if name.lower() in asked}
    emotion = given.pop("emotion", None)
    return ServiceFace(
        box_xywh=(left, top, width, height),
        scores=None if emotion is None else _scores(emotion),
        attributes=json.dumps(_spelt(given), sort_keys=True, allow_nan=False) if given else None,
        landmarks=_landmarks(raw.get("faceLandmarks")),
    )


def _landmarks(raw: dict[str, Any] | None) -> Landmarks | None:
    """Ours: the person's right comes first, which is the left of a picture and of its names."""
    if raw is None:
        return None
    points = (raw[name] for name in ("pupilLeft", "pupilRight", "noseTip", "mouthLeft", "mouthRight"))
    return tuple(_number(point[axis]) for point in points for axis in "xy")  # type: ignore[return-value]


def _members(raw: dict[str, Any]) -> list[tuple[str, Any]]:
    return list((raw.get("faceAttributes") or {}).items())


def _scores(emotion: dict[str, Any]) -> tuple[float, ...]:
    """Eight probabilities of sum 1: as sent they are rounded to three places."""
    by_name = {name.lower(): _number(value) for name, value in emotion.items()}
    values = [by_name[name] for name in EMOTIONS]
    total = math.fsum(values)
    if min(values) < 0 or abs(total - 1) > _NEAR_ONE:
        raise ValueError(f"emotions of sum {total:.3g}, the least of them {min(values):.3g}")
    return tuple(value / total for value in values)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} where a number belongs")
    return float(value)


def _spelt(value: Any) -> Any:
    if isinstance(value, str):
        return _SPELLINGS.get(value.lower(), value)
    if isinstance(value, dict):
        return {name: _spelt(inner) for name, inner in value.items()}
    return [_spelt(inner) for inner in value] if isinstance(value, list) else value


def error_of(reply: Reply, sent_id: str, quote: Quote, now: datetime | None = None) -> ServiceError:
    """The one error that a reply other than 2xx means."""
    codes, message = _complaint(reply.json())
    said = quote(f"{' / '.join(codes) or reply.status}: {message or reply.body[:65536].decode(errors='replace')}")
    wait_s = retry_after_s(reply.headers, message, now or datetime.now(UTC))
    call = _call(reply, sent_id, retry_after_s=wait_s)
    if reply.status == 429:
        reason = f"{TITLE} says that there are too many calls ({said})"
        return Throttled(
            "service.throttled", reason, "ask for a lower --rate, or for a higher tier of the account", call
        )
    if reply.status in (408, 500, 502, 503, 504):
        return Unavailable("service.unavailable", f"{TITLE} is not available ({said})", LATER, call)
    if reply.status in (401, 403):
        return _denied(reply.status, message.lower(), said, call)
    if reply.status == 413 or any(code.startswith("InvalidImage") for code in codes):
        hint = "convert the file to a JPEG of at most 6 MB, or analyse it with `--scorer ferplus`"
        return BadPicture("service.picture", f"{TITLE} does not take this picture ({said})", hint, call)
    if reply.status in (404, 405) or reply.status < 400:
        reason = f"there is no {TITLE} at that address (status {reply.status}, {said})"
        return Refused("service.endpoint", reason, "see MOODREEL_AZURE_ENDPOINT against the resource's page", call)
    hint = "ask for other --azure-attributes; `moodreel scorers` lists them"
    return Refused("service.request", f"{TITLE} does not take such a call (status {reply.status}, {said})", hint, call)


def _denied(status: int, message: str, said: str, call: Call) -> Refused:
    if status == 401:
        hint = "see MOODREEL_AZURE_KEY against the keys of the very resource that MOODREEL_AZURE_ENDPOINT names"
        return Refused("service.key", f"{TITLE} does not know the key ({said})", hint, call)
    if "return attributes" in message or "deprecated" in message or "no longer supported" in message:
        reason = f"Microsoft withdrew emotion, gender, age and others from {TITLE} on 30 June 2023 ({said})"
        return Refused("service.withdrawn", reason, LOCAL, call)
    if "approval" in message:
        reason = f"this account has no approval for what was asked of {TITLE} ({said})"
        return Refused("service.approval", reason, f"apply at https://aka.ms/facerecognition; {LOCAL}", call)
    if "quota" in message:
        reason = f"this account's calls of {TITLE} for the month are used up ({said})"
        return Refused("service.quota", reason, f"wait, or choose a higher tier, then `moodreel resume`; {LOCAL}", call)
    return Refused("service.denied", f"{TITLE} denies this account the call ({said})", LOCAL, call)


def _complaint(body: Any) -> tuple[list[str], str]:
    """Every code of an error, the outermost first, and its innermost message: of all envelopes that were ever seen."""
    codes: list[str] = []
    message = ""
    level = body.get("error", body) if isinstance(body, dict) else None
    for _ in range(5):  # deeper than any seen
        if not isinstance(level, dict):
            break
        codes += [str(level[name]) for name in ("code", "statusCode") if level.get(name)]
        message = str(level.get("message") or message)
        level = level.get("innererror")
    if isinstance(level, str):
        message = message or level
    return codes, message


def _call(reply: Reply, sent_id: str, transactions: int = 0, retry_after_s: float | None = None) -> Call:
    request_id = reply.headers.get("apim-request-id") or reply.headers.get("x-ms-request-id") or sent_id
    unclear = reply.status in (408, 502, 504)  # somebody between us and the service gave up waiting
    return Call(reply.status, request_id[:100], transactions, unclear, retry_after_s)


def _transactions(reply: Reply) -> int:
    told = _TRANSACTIONS.findall(reply.headers.get("csp-billing-usage", ""))
    return sum(map(int, told)) if told else 1


def _nonsense(what: str, call: Call) -> Nonsense:
    hint = "see that MOODREEL_AZURE_ENDPOINT leads to Azure Face and to nothing before it"
    return Nonsense("service.nonsense", f"{TITLE} answered {what}", hint, call)
