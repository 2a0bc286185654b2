"""What may come in from the broker: bells as ours are written, and nothing else.

Whoever can write to the broker is a stranger. Celery would give them callbacks, timers, tasks of its own and a worker
that falls over an odd message, again and again; so a message is read to its last field before Celery sees it. Pure.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

TASK = "moodreel.segment"
MOST_IDS = 64
MOST_ID = 2**63 - 1
_LONGEST_BODY = 16_384
_WORDS = frozenset(("lang", "root_id", "parent_id", "origin", "argsrepr", "kwargsrepr"))
"""Headers that tell something and do nothing."""
_MARKS = frozenset(("redelivered", "ignore_result"))
_EMPTY: tuple[Any, ...] = (None, 0, [], {}, [None, None])
_ID = re.compile(r"[0-9a-f-]{1,64}")


class NotABell(Exception):
    """A message that none of ours sends."""


def check(message: Any, queue: str) -> None:
    """Make sure of a message as it lay in a queue. Raises NotABell, whatever is wrong with it."""
    if not isinstance(message, dict):
        raise NotABell("it is no message at all")
    _check_properties(message.get("properties"), queue)
    _check_headers(message.get("headers"))
    written = (message.get("content-type"), message.get("content-encoding"))
    if written != ("application/json", "utf-8"):
        raise NotABell(f"it is written as {_short(written)}")
    args, kwargs, embedded = _body(message.get("body"))
    if any(embedded.values()):
        raise NotABell("it asks for more to be done after it")
    segment_ids(args, kwargs)


def segment_ids(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, ...]:
    """The ids of a bell's message. Raises NotABell for anything but `{"segment_ids": [1, 2, ...]}`."""
    if args or set(kwargs) != {"segment_ids"}:
        raise NotABell(f"{len(args)} unnamed arguments, and the names {_short(sorted(map(str, kwargs))[:5])}")
    ids = kwargs["segment_ids"]
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST_IDS:
        raise NotABell(f"not a list of 1 to {MOST_IDS} ids")
    if not all(type(one) is int and 0 < one <= MOST_ID for one in ids):
        raise NotABell("an id is no positive whole number")
    return tuple(ids)


def _check_properties(properties: Any, queue: str) -> None:
    if not isinstance(properties, dict) or not isinstance(properties.get("delivery_info"), dict):
        raise NotABell("it does not say how it was sent")
    tag, route = properties.get("delivery_tag"), properties["delivery_info"]
    if not (isinstance(tag, str) and _ID.fullmatch(tag)):
        raise NotABell("it has no tag to be known by")
    if route.get("routing_key") != queue or route.get("exchange") not in ("", queue):
        raise NotABell("it was sent to another queue")
    if properties.get("body_encoding") != "base64" or type(properties.get("priority", 0)) is not int:
        raise NotABell("it is packed in another way")


def _check_headers(headers: Any) -> None:
    if not isinstance(headers, dict):
        raise NotABell("it has no headers")
    rest = dict(headers)
    task, number = rest.pop("task", None), rest.pop("id", None)
    if task != TASK:
        raise NotABell(f"it asks for {_short(task)}")
    if not (isinstance(number, str) and _ID.fullmatch(number)):
        raise NotABell("it has no id")
    for name, value in rest.items():
        harmless = (name in _WORDS and isinstance(value, str)) or (name in _MARKS and isinstance(value, bool))
        if not harmless and value not in _EMPTY:
            raise NotABell(f"it says {_short(name)}")


def _body(body: Any) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    if not isinstance(body, str) or len(body) > _LONGEST_BODY:
        raise NotABell("its body is no text, or too long")
    try:
        parts = json.loads(base64.b64decode(body, validate=True))
    except (ValueError, RecursionError):
        raise NotABell("its body cannot be read") from None
    if not (isinstance(parts, list) and [type(part) for part in parts] == [list, dict, dict]):
        raise NotABell("its body has another shape")
    return parts[0], parts[1], parts[2]


def _short(value: Any) -> str:
    return repr(value)[:80]
