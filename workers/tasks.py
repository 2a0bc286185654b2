"""The one task: a bell. Its message names segments and nothing else, and whatever else it says is refused."""

from typing import Any

import structlog
from celery.worker.request import Request

from workers.app import app
from workers.doorman import TASK, NotABell, segment_ids

log = structlog.get_logger(__name__)


class BellRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A bell in a worker's hand. Celery cannot cancel what a thread does; we can."""

    def cancel(self, pool: Any, signal: Any = None, emit_retry: bool = True) -> None:
        """Called in a signal handler, when a worker is not to wait for what it has in hand: that goes back."""
        del pool, signal, emit_retry
        if app.machine is not None:
            app.machine.stop_now()


@app.task(name=TASK, Request=BellRequest)  # type: ignore[untyped-decorator]
def segment(*args: Any, **kwargs: Any) -> None:
    """Work through the segments that the bell names. A message of an unknown shape is logged and dropped."""
    try:
        ids = segment_ids(args, kwargs)
    except NotABell as error:
        log.warning("action=message-refused", reason=str(error))
        return
    assert app.machine is not None  # noqa: S101  made before the first message is heard
    app.machine.serve(ids)
