"""The one task: a bell. Its message names segments and nothing else, and whatever else it says is refused."""

from typing import Any

import structlog

from workers.app import app
from workers.gate import TASK, NotABell, segment_ids

log = structlog.get_logger(__name__)


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
