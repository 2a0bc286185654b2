"""How long a child may take, how much it may hold, and how long it lives: values, and the rules that scale them."""

import resource
import sys
from dataclasses import dataclass

from workers.drawing.work import DrawWork
from workers.heap import mapped_bytes
from workers.messages import ProbeWork, SegmentWork

PROBE_BYTES_PER_S = 2_000_000
"""Slowest reading that still counts as progress: a network share on a bad day."""
DECODE_S_PER_MEGAPIXEL = 0.2
"""About fifty times what a current core needs for H.264: slow machines, HEVC and busy neighbours included."""
TARGET_S = 1.0
"""Detection and scoring of one sampled frame, with the same margin."""
DRAW_S_PER_MEGAPIXEL = 1.0
"""Decoding, drawing upon and encoding one picture of a video."""
DRAW_S = 0.1
"""What any such picture takes beside its size."""
PICTURE_S_PER_MEGAPIXEL = 1.0
"""One whole picture in one call: AVIF and PNG photos on a slow machine with busy neighbours."""
PULSE_EVERY_S = 0.5
"""How often a child shows that it is not stuck in a single call."""
LEAST_SILENCE_S = 4 * PULSE_EVERY_S


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one child may use before its parent ends it, and when it is replaced as a matter of course."""

    memory_mb: int = 2048
    timeout_s: float = 60.0
    """What any item gets before its size is looked at."""
    start_timeout_s: float = 60.0
    recycle_items: int = 10_000
    """Items after which a child is replaced: leaks in C libraries stay bounded. Starting one costs a second of CPU."""
    recycle_memory_mb: int = 1024
    """Resident memory after an item above which a child is replaced."""
    open_files: int = 256


def deadline_s(item: SegmentWork | ProbeWork | DrawWork, limits: ChildLimits) -> float:
    """Seconds that `item` may take: a child that needs more is taken for hung."""
    if isinstance(item, ProbeWork):
        return limits.timeout_s + item.source.size / PROBE_BYTES_PER_S
    if isinstance(item, DrawWork):
        drawing_s = item.megapixels * DRAW_S_PER_MEGAPIXEL + item.frames * DRAW_S
        return limits.timeout_s + drawing_s + item.source.size / PROBE_BYTES_PER_S
    segment = item.segment
    linear_demux_s = item.source.size / (50 * PROBE_BYTES_PER_S)
    return limits.timeout_s + segment.weight * DECODE_S_PER_MEGAPIXEL + segment.targets * TARGET_S + linear_demux_s


def silence_s(item: SegmentWork | ProbeWork | DrawWork, limits: ChildLimits) -> float:
    """Seconds that a single call into a library may take over `item`: a decoder that does not return is hung.

    The longest honest one decodes one whole picture; calls that read are given up by libavformat after 30 s.
    """
    facts = None if isinstance(item, ProbeWork) else item.facts
    megapixels = facts.width * facts.height / 1e6 if facts is not None else 0.0
    honest = min(deadline_s(item, limits), limits.timeout_s + megapixels * PICTURE_S_PER_MEGAPIXEL)
    return max(LEAST_SILENCE_S, honest)


def apply_to_this_process(limits: ChildLimits, bound_address_space: bool = True) -> None:
    """Bound this process for good: no core dumps, no files written, few files open, memory above what is mapped now.

    Called in a child once its libraries are loaded: their mappings are not counted against the work. A GPU's driver
    maps far more than it uses; there the parent's watch on resident memory is all the bound there is.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, limits.open_files)
    if bound_address_space and sys.platform == "linux":  # macOS does not keep to this limit, and may refuse it
        _lower(resource.RLIMIT_AS, mapped_bytes() + limits.memory_mb * 1024 * 1024)


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (bound, bound))
