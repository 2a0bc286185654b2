"""The decode plan on made-up packets: what is decoded for a wanted frame, and what is passed over."""

import numpy as np

from workers.video.index import PacketIndex
from workers.video.plan import Run, plan_runs


def index_of(pts: list[int], keys: set[int], hidden: frozenset[int] = frozenset()) -> PacketIndex:
    """Packets in decode order; `keys` and `hidden` are positions."""
    count = len(pts)
    at = range(count)
    nothing = np.zeros(count, np.bool_)
    return PacketIndex(
        np.array(pts, np.int64),
        np.arange(count, dtype=np.int64),
        np.ones(count, np.int64),
        np.array([position in keys for position in at]),
        np.array([position not in hidden for position in at]),
        nothing,
        np.zeros(count, np.int8),
    )


def runs(index: PacketIndex, *wanted: int) -> list[Run]:
    return plan_runs(index, np.array(wanted, np.int64))


CLOSED = index_of([0, 1, 2, 3, 4, 5, 6, 7, 8], {0, 3, 6})
OPEN = index_of([0, 3, 1, 2, 6, 4, 5, 9, 7, 8], {0, 4, 7})
"""Key frames 6 and 9 are followed by leading frames that are shown before them."""


def test_decoding_begins_at_the_key_frame_and_ends_at_the_wanted_one() -> None:
    assert runs(CLOSED, 4) == [Run(3, 4, frozenset({4}))]


def test_a_gop_without_a_wanted_frame_is_passed_over() -> None:
    assert runs(CLOSED, 1, 7) == [Run(0, 1, frozenset({1})), Run(6, 7, frozenset({7}))]


def test_two_wanted_frames_of_a_gop_are_one_run() -> None:
    assert runs(CLOSED, 4, 5) == [Run(3, 5, frozenset({4, 5}))]


def test_a_leading_frame_of_an_open_gop_needs_the_gop_before() -> None:
    assert runs(OPEN, 5) == [Run(0, 6, frozenset({6}))]
    assert runs(OPEN, 8) == [Run(4, 9, frozenset({9}))]


def test_a_key_frame_alone_is_one_packet_even_when_its_gop_is_open() -> None:
    assert runs(OPEN, 6) == [Run(4, 4, frozenset({4}))]


def test_runs_that_would_overlap_are_joined() -> None:
    assert runs(OPEN, 6, 5) == [Run(0, 6, frozenset({4, 6}))]


def test_a_video_that_does_not_begin_on_a_key_frame_is_decoded_from_its_first_packet() -> None:
    assert runs(index_of([0, 1, 2, 3], set()), 2) == [Run(0, 2, frozenset({2}))]


def test_a_packet_that_is_never_shown_is_never_wanted() -> None:
    assert runs(index_of([0, 1, 2], {0}, hidden=frozenset({1})), 1) == []
