"""Where databases of tests lie: in memory where there is room, since each commit waits for its disk."""

import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108  a place in memory, not a shared temporary file
ENOUGH_BYTES = 1 << 30


def quick_place() -> Path | None:
    """A folder in memory with room enough; None means the system's own temporary folder."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES
    return MEMORY if roomy else None
