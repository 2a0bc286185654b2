"""The memory of a process that decodes: pictures come and go by the megabyte, and to fetch the pages of each anew from
the system costs more than to convert it.
"""

import ctypes
import math
import resource
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of mallopt(3)."""
KEPT_BYTES = 256 * 2**20
"""What is free at the top of the heap and stays ours."""
APART_BYTES = 32 * 2**20
"""What is larger is asked of the system alone, and given back at once: more than glibc does not allow."""


def keep_freed_pages() -> None:
    """Have memory that is freed used again, where the C library is glibc; elsewhere nothing is changed."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(M_MMAP_THRESHOLD, APART_BYTES)


def mapped_bytes() -> int:
    """How much address space this process has mapped."""
    import psutil

    return int(psutil.Process().memory_info().vms)


def bytes_left() -> float:
    """How much address space this process may still map; infinite where nothing bounds it."""
    bound, _ = resource.getrlimit(resource.RLIMIT_AS)
    return math.inf if bound == resource.RLIM_INFINITY else bound - mapped_bytes()
