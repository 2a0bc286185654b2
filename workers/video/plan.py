"""Which packets must be decoded to see the wanted frames, and no others. Pure; decode order in, runs out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.video.index import PacketIndex


@dataclass(frozen=True, slots=True)
class Run:
    """One stretch of packets to decode from a key frame on; indices into the packets, in decode order, inclusive.

    After `last` the decoder is drained: what it still holds back for reordering comes out then.
    """

    first: int
    last: int
    wanted: frozenset[int]
    """The packets whose frames are looked at: never skipped, even when no other frame refers to them."""


def plan_runs(index: PacketIndex, wanted_pts: NDArray[np.int64]) -> list[Run]:
    """The runs that produce the frames of `wanted_pts`, in decode order, none overlapping another.

    A leading frame of an open GOP (shown before its key frame, coded after it) refers to the GOP before: its run
    starts there.
    """
    wanted = _packets_of(index, wanted_pts)
    keys = np.flatnonzero(index.key)
    runs: list[Run] = []
    for packet in map(int, wanted):
        first = _entry(index, keys, packet)
        together = frozenset((packet,))
        while runs and first <= runs[-1].last:
            before = runs.pop()
            first, together = min(first, before.first), together | before.wanted
        runs.append(Run(first, packet, together))
    return runs


def _packets_of(index: PacketIndex, wanted_pts: NDArray[np.int64]) -> NDArray[np.intp]:
    """The packets that carry the wanted frames, in decode order."""
    shown = np.flatnonzero(index.shown)
    return shown[np.isin(index.pts[shown], wanted_pts)]


def _entry(index: PacketIndex, keys: NDArray[np.intp], packet: int) -> int:
    """The packet where decoding must start for `packet`; the very first where the video does not start on a key."""
    at = int(np.searchsorted(keys, packet, side="right")) - 1
    if at < 0:
        return 0
    if index.pts[packet] < index.pts[keys[at]]:
        at -= 1
    return int(keys[at]) if at >= 0 else 0
