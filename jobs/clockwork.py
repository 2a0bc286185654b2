"""When what a run does now and then is due."""

import time
from dataclasses import dataclass, field

WAIT_S = 0.1
DRY_S = 0.2
"""How long nobody asks for work again after there was none."""
SHOW_EVERY_S = 0.2
CHECK_EVERY_S = 1.0
HEARTBEAT_EVERY_S = 2.0
ASK_SHARE = 5
"""Whether others are done is asked again after this many times as long as asking takes."""
COUNT_SHARE = 100
"""Counting a job is left alone for this many times as long as it takes: at most 1 % of the time goes there."""


@dataclass(slots=True)
class Clock:
    """When things that are not done at every turn were done last."""

    started: float = field(default_factory=time.monotonic)
    shown: float = 0.0
    checked: float = 0.0
    beat: float = 0.0
    count_due: float = 0.0
    dry_until: float = 0.0
    over_due: float = 0.0
