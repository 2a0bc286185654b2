"""Messages as a stranger with access to the broker might write them: like bells, and yet none."""

import base64
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from workers.doorman import TASK

NOTHING_AFTER = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
QUEUE = "cpu"

GARBAGE = (b"not JSON", b"[1, 2]", b"5", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"__type__": "decimal"}')
"""Bytes that are no message of anybody's."""


def bell(*segment_ids: Any) -> dict[str, Any]:
    """An honest one, as Celery 5.7 writes it."""
    return message([[], {"segment_ids": list(segment_ids)}, NOTHING_AFTER])


def message(body: Any, task: Any = TASK, **headers: Any) -> dict[str, Any]:
    """One with a body and headers of the stranger's choice."""
    number = str(uuid4())
    return {
        "body": packed(json.dumps(body).encode()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {
            **{"lang": "py", "task": task, "id": number, "root_id": number, "parent_id": None, "origin": "1@here"},
            **{"shadow": None, "eta": None, "expires": None, "group": None, "group_index": None, "retries": 0},
            **{"timelimit": [None, None], "argsrepr": "()", "kwargsrepr": "{}", "ignore_result": None},
            **{"replaced_task_nesting": 0, "stamped_headers": None, "stamps": {}},
            **headers,
        },
        "properties": {
            "correlation_id": number,
            "reply_to": str(uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": str(uuid4()),
        },
    }


def packed(body: bytes) -> str:
    """As bodies travel."""
    return base64.b64encode(body).decode()


def unpacked(message: Mapping[str, Any]) -> list[Any]:
    """The three parts of a body: arguments, names with their values, and what is to be done after it."""
    parts: list[Any] = json.loads(base64.b64decode(message["body"]))
    return parts


def signature(task: str, *args: Any, **options: Any) -> dict[str, Any]:
    """What Celery takes for a task to be sent."""
    return {"task": task, "args": args, "kwargs": {}, "options": options, "subtask_type": None, "immutable": False}


def misshapen() -> dict[str, dict[str, Any]]:
    """Messages by what is wrong with them. Each of them would get further than it should, were it not refused."""
    honest = bell(1)
    properties, headers = honest["properties"], honest["headers"]
    ids: Mapping[str, Sequence[Any]] = {
        "words": ["1"],
        "below one": [0],
        "negative": [-1],
        "truths": [True],
        "fractions": [1.0],
        "too big": [2**63],
        "nested": [[1]],
        "none": [],
        "too many": list(range(1, 1001)),
    }
    bodies: Mapping[str, Any] = {
        "positional": [[1], {}, NOTHING_AFTER],
        "extra name": [[], {"segment_ids": [1], "path": "/etc/passwd"}, NOTHING_AFTER],
        "no list of ids": [[], {"segment_ids": 1}, NOTHING_AFTER],
        "a number": 7,
        "one part short": [[], {}],
        "old protocol": {"task": TASK, "args": [], "kwargs": {}},
        "jams": [[], {"segment_ids": [1]}, "x"],
    }
    acting: Mapping[str, dict[str, Any]] = {
        "later": {"eta": "9999-12-31T23:59:59+00:00"},
        "expired": {"expires": "2001-01-01T00:00:00+00:00"},
        "time limit": {"timelimit": "x"},
        "another name": {"shadow": "harmless"},
        "packed again": {"compression": "zlib"},
        "callbacks in its headers": {"callbacks": [signature("evil")]},
        "no id": {"id": ["x"]},
        "a list of tasks": {"task": [TASK]},
    }
    after = {name: [signature(f"evil.{name}", queue=QUEUE)] for name in NOTHING_AFTER}
    return {
        **{f"ids: {name}": bell(*value) for name, value in ids.items()},
        **{f"body: {name}": message(value) for name, value in bodies.items()},
        **{
            f"header: {name}": message([[], {"segment_ids": [1]}, NOTHING_AFTER], **one) for name, one in acting.items()
        },
        **{f"after it: {name}": message([[], {"segment_ids": [1]}, {name: value}]) for name, value in after.items()},
        "unknown task": message([["x"], {}, NOTHING_AFTER], "os.system"),
        "body: no base64": honest | {"body": "@@@"},
        "body: no JSON": honest | {"body": packed(b"{{{")},
        "body: deep": honest | {"body": packed(b"[" * 9000)},
        "body: long": honest | {"body": packed(b" " * 20_000 + b"[[], {}, {}]")},
        "body: YAML": honest | {"content-type": "application/x-yaml"},
        "without headers": {name: value for name, value in honest.items() if name != "headers"},
        "headers of null": honest | {"headers": None},
        "without properties": {name: value for name, value in honest.items() if name != "properties"},
        "without a tag": honest | {"properties": {**properties, "delivery_tag": None}},
        "a list of tags": honest | {"properties": {**properties, "delivery_tag": ["x"]}},
        "a strange priority": honest | {"properties": {**properties, "priority": "x"}},
        "sent elsewhere": honest
        | {"properties": {**properties, "delivery_info": {"exchange": "", "routing_key": "x"}}},
        "empty headers": honest | {"headers": {}},
        "a task that is a map": honest | {"headers": {**headers, "task": {}}},
        "empty": {},
    }


def of_celery_itself() -> dict[str, dict[str, Any]]:
    """Calls of the tasks that every application of Celery comes with."""
    mapped = [signature(TASK), [1, 2]]
    calls: Mapping[str, Sequence[Any]] = {
        "celery.map": mapped,
        "celery.starmap": mapped,
        "celery.chunks": [*mapped, 1],
        "celery.group": [[signature("evil", queue=QUEUE)], [["x", None], []], "x", []],
        "celery.chord": [[signature("evil")], signature("evil")],
        "celery.chord_unlock": ["x", signature("evil")],
        "celery.chain": [],
        "celery.accumulate": [1],
        "celery.backend_cleanup": [],
    }
    return {name: message([args, {}, NOTHING_AFTER], name) for name, args in calls.items()}


class _Deed:
    """What leaves a file where its pickle is loaded."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self._file), "w")


def pickled(file: Path) -> dict[str, dict[str, Any]]:
    """Messages that make `file`, should anybody ever load them: by either protocol of Celery."""
    new = pickle.dumps([[], {"segment_ids": [1]}, _Deed(file)])
    old = pickle.dumps({"task": TASK, "args": _Deed(file)})
    written = {"content-type": "application/x-python-serialize", "content-encoding": "binary"}
    return {
        "pickle": bell(1) | {"body": packed(new)} | written,
        "old pickle": bell(1) | {"body": packed(old), "headers": {}} | written,
        "pickle that calls itself JSON": bell(1) | {"body": packed(new)},
    }
