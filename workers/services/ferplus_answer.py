"""What a scoring container of FER+ answers, read, in every shape that is known of one. No network.

`result` holds eight numbers a face, probabilities or logits, or only the name of the likeliest emotion; the whole
answer may be a JSON string that holds the object; a script that failed says so in `error`, with status 200.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from workers.services.base import Call, CropAnswer, Nonsense, Refused, ServiceError, Throttled, Unavailable
from workers.services.retry_after import retry_after_s
from workers.services.wire import LATER, Reply

TITLE = "the scoring container"
_NEAR_ONE = 0.01
_NAMES = {name: name for name in EMOTIONS} | {
    "happy": "happiness",
    "surprised": "surprise",
    "sad": "sadness",
    "angry": "anger",
    "disgusted": "disgust",
}
_ADDRESS = "see that MOODREEL_FERPLUS_URL leads to a FER+ container's /score"

Quote = Callable[[str], str]


def answer_of(reply: Reply, count: int, quote: Quote) -> CropAnswer:
    """The scores of `count` faces of a 2xx reply. Raises Nonsense, or Unavailable where the script failed."""
    call = _call(reply, transactions=1)
    body = _unwrapped(reply.json())
    if not isinstance(body, dict) or not ({"result", "error"} & set(body)):
        said = quote(reply.body[:65536].decode(errors="replace"))
        raise Nonsense("service.nonsense", f"{TITLE} answered neither result nor error: {said}", _ADDRESS, call)
    if body.get("error"):
        reason = f"the script of {TITLE} failed: {quote(str(body['error']))}"
        raise Unavailable("service.failed", reason, f"see its log; {LATER}", call)
    rows = _rows(body.get("result"), count)
    if rows is None:
        said = quote(str(body.get("result")))
        reason = f"{TITLE} answered a result that is none for {count} faces: {said}"
        raise Nonsense("service.nonsense", reason, _ADDRESS, call)
    if isinstance(rows, np.ndarray):
        return CropAnswer(rows, (None,) * count, 1, call.request_id, reply.status)
    labels = tuple(json.dumps({"label": name}) for name in rows)
    return CropAnswer(None, labels, 1, call.request_id, reply.status)


def _unwrapped(body: Any) -> Any:
    """The object itself, where a string holds it: a script whose answer was made JSON twice."""
    if not isinstance(body, str):
        return body
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _rows(result: Any, count: int) -> NDArray[np.float32] | list[str] | None:
    """Probabilities, or names, of `count` faces; None where it is neither."""
    if not isinstance(result, list):
        return None
    if count == 1 and not (len(result) == 1 and isinstance(result[0], list)):
        result = [result]
    if len(result) != count:
        return None
    names = [_name(one) for one in result]
    if all(name is not None for name in names):
        return [name for name in names if name is not None]
    if not all(_is_row(one) for one in result):
        return None
    return probabilities(np.array(result, np.float64))


def _name(one: Any) -> str | None:
    inner = one[0] if isinstance(one, list) and len(one) == 1 else one
    return _NAMES.get(inner.lower()) if isinstance(inner, str) else None


def _is_row(one: Any) -> bool:
    return (
        isinstance(one, Sequence)
        and len(one) == len(EMOTIONS)
        and all(isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30 for value in one)
    )


def probabilities(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows of sum 1, of rows that are so already but for rounding, or that are logits: below 0, or of another sum."""
    sums = rows.sum(axis=1, keepdims=True)
    shares = (rows >= 0).all(axis=1, keepdims=True) & (np.abs(sums - 1) <= _NEAR_ONE)
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    softened = powers / powers.sum(axis=1, keepdims=True)
    return np.where(shares, rows / np.where(shares, sums, 1), softened).astype(np.float32)


def error_of(reply: Reply, quote: Quote, now: datetime | None = None) -> ServiceError:
    """The one error that a reply other than 2xx means."""
    said = quote(f"{reply.status}: {reply.body[:65536].decode(errors='replace')}")
    wait_s = retry_after_s(reply.headers, said, now or datetime.now(UTC))
    call = _call(reply, retry_after_s=wait_s)
    if reply.status == 429:
        return Throttled("service.throttled", f"{TITLE} has too much to do ({said})", "ask for a lower --rate", call)
    if "x-ms-run-function-failed" in reply.headers:
        return Unavailable("service.failed", f"the script of {TITLE} failed ({said})", f"see its log; {LATER}", call)
    if reply.status == 408 or reply.status >= 500:
        return Unavailable("service.unavailable", f"{TITLE} is not available ({said})", f"see its log; {LATER}", call)
    if reply.status in (401, 403, 407):
        hint = "moodreel sends a scoring container no key: run it where it needs none"
        return Refused("service.key", f"{TITLE} asks who we are ({said})", hint, call)
    if reply.status in (404, 405, 410) or reply.status < 400:
        return Refused("service.endpoint", f"there is no {TITLE[4:]} at that address ({said})", _ADDRESS, call)
    return Refused("service.request", f"{TITLE} does not take such a call ({said})", _ADDRESS, call)


def _call(reply: Reply, transactions: int = 0, retry_after_s: float | None = None) -> Call:
    request_id = reply.headers.get("x-ms-request-id") or reply.headers.get("x-request-id")
    return Call(reply.status, request_id and request_id[:100], transactions, retry_after_s=retry_after_s)
