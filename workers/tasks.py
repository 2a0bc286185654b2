"""The one task: a bell. Its message names segments and nothing else, and whatever else it says is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from workers.app import TASK, app

log = structlog.get_logger(__name__)

MOST_IDS = 64
MOST_ID = 2**63 - 1


class NotABell(Exception):
    """A message that none of ours sends."""


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def segment(*args: Any, **kwargs: Any) -> None:
    """Work through the segments that the bell names. A message of an unknown shape is logged and dropped."""
    try:
        ids = segment_ids(args, kwargs)
    except NotABell as error:
        log.warning("action=message-refused", reason=str(error))
        return
    assert app.machine is not None  # noqa: S101  made before the first message is heard
    app.machine.serve(ids)


def segment_ids(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, ...]:
    """The ids of a bell's message. Raises NotABell for anything but `{"segment_ids": [1, 2, ...]}`."""
    if args or set(kwargs) != {"segment_ids"}:
        raise NotABell(f"{len(args)} unnamed arguments, and the names {sorted(map(str, kwargs))[:5]}")
    ids = kwargs["segment_ids"]
    if not isinstance(ids, list) or not 0 < len(ids) <= MOST_IDS:
        raise NotABell(f"not a list of 1 to {MOST_IDS} ids")
    if not all(type(one) is int and 0 < one <= MOST_ID for one in ids):
        raise NotABell("an id is no positive whole number")
    return tuple(ids)
