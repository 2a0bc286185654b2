"""A worker's tracks: a thread that asks again and again which videos are complete and have none.

It needs no bell and holds up no segment: the work is claimed like theirs, and most of the time there is none.
"""

from collections.abc import Callable

import structlog

from db.errors import StoreError
from db.store import Store
from db.tracks import TrackStore
from workers.tracking.assigning import Assigner
from workers.tracking.tracker import REVISION

log = structlog.get_logger(__name__)

ASK_EVERY_S = 2.0


class TrackRounds:
    """Assigns the tracks of whatever is complete, of any job."""

    def __init__(self, store: Store, owner: str, gap_s: float | None, is_stopped: Callable[[], bool]) -> None:
        self._tracks = TrackStore(store.engine, store.patience_s)
        self._assigner = Assigner(store, owner, gap_s, is_stopped)

    def run(self, wait: Callable[[float], bool]) -> None:
        """Until `wait` (seconds) says that it is over."""
        has_renewed, over = False, False
        while not over:
            more = False
            try:
                if not has_renewed:  # an upgrade may have brought a better tracker
                    self._tracks.renew(REVISION)
                    has_renewed = True
                more = self._assigner.assign_next()
            except StoreError as error:
                log.warning("action=tracks-wait", reason=str(error))
            over = wait(0.0 if more else ASK_EVERY_S)
