"""People who wander through frames, for tests of the tracker that need no pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from workers.tracking.look import CLOTHES, HEAD, LENGTH, SHOWN
from workers.tracking.sightings import FaceSeen, FrameSeen, Pacing
from workers.tracking.tracker import default_gap_s, tracks_of

WIDTH = 640
FRAMES = 30


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody on their way."""

    x: float
    y: float
    high: float
    speed: float
    """Heights a second."""
    colour: int
    away: tuple[int, ...]
    """Frames in which nobody sees them."""
    shake: float


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody."""

    people: tuple[Walker, ...]

    def spread_out(self) -> "Cast":
        """The same so far apart that nobody could get from one to another."""
        return Cast(tuple(replace(one, y=2000.0 * number) for number, one in enumerate(self.people)))


@st.composite
def crowd(draw: Any, least: int = 1) -> Cast:
    """Up to four people. No two have the same numbers: of two ways that are alike in all, neither is the right one."""
    count = draw(st.integers(least, 4))
    people = []
    for number in range(count):
        people.append(
            Walker(
                x=draw(st.integers(0, 500)) + 0.137 * (number + 1),
                y=draw(st.integers(0, 250)) + 0.0713 * (number + 1) ** 2,
                high=draw(st.integers(40, 120)) + 0.0317 * number,
                speed=draw(st.integers(-20, 20)) / 10 + 0.0123 * number,
                colour=draw(st.integers(0, 255)),
                away=tuple(sorted(draw(st.sets(st.integers(0, FRAMES - 1), max_size=8)))),
                shake=draw(st.integers(1, 97)) / 97,
            )
        )
    return Cast(tuple(people))


def frames_of(cast: Cast, rate: float) -> list[FrameSeen]:
    """What is seen of them."""
    return [
        FrameSeen(number / rate, [_face(one, number, rate) for one in cast.people if number not in one.away])
        for number in range(FRAMES)
    ]


def _face(one: Walker, number: int, rate: float) -> FaceSeen:
    x = one.x + one.speed * one.high * number / rate + 2 * math.sin(37 * one.shake * (number + 1))
    y = one.y + 2 * math.sin(53 * one.shake * (number + 1))
    look = bytearray(LENGTH)
    for part in (HEAD, CLOTHES):
        look[part] = bytes(((one.colour + 7 * number % 5) % 256,)) * (part.stop - part.start)
    look[SHOWN] = 255
    return FaceSeen((x, y, 0.8 * one.high, one.high), bytes(look))


def tracked(
    frames: Sequence[FrameSeen], rate: float, gap_s: float | None = None, *, known: bool = False
) -> list[list[int]]:
    """The tracks of each frame's faces; `known`: they had some, with the default gap."""
    usual_s = default_gap_s(1 / rate)
    pacing = Pacing(usual_s if gap_s is None else gap_s, 1 / rate, usual_s if known else 0.0)
    tracks = iter(tracks_of(frames, pacing).tolist())
    return [[next(tracks) for _ in frame.faces] for frame in frames]


def bare(frames: Sequence[FrameSeen], tracks: Sequence[Sequence[int]]) -> list[FrameSeen]:
    """What is left of the frames once they have tracks: nobody knows any more what faces looked like."""
    return [
        FrameSeen(
            frame.time_s,
            [replace(face, appearance=None, track=track) for face, track in zip(frame.faces, some, strict=True)],
        )
        for frame, some in zip(frames, tracks, strict=True)
    ]


def groups(tracks: Sequence[Sequence[int]]) -> set[frozenset[tuple[int, int]]]:
    """Which faces are one, by frame and place, whatever their track is called."""
    members: dict[int, set[tuple[int, int]]] = {}
    for frame, one in enumerate(tracks):
        for place, track in enumerate(one):
            members.setdefault(track, set()).add((frame, place))
    return {frozenset(faces) for faces in members.values()}


def mirrored(frame: FrameSeen) -> FrameSeen:
    """The frame as in a mirror, its faces in the order as before."""
    faces = [replace(face, box=(WIDTH - face.box[0] - face.box[2], *face.box[1:])) for face in frame.faces]
    return FrameSeen(frame.time_s, faces)


def shuffled(frames: Sequence[FrameSeen], random: Any) -> tuple[list[FrameSeen], list[list[int]]]:
    """The frames with their faces in another order, and for each face of the old order its place in the new one."""
    mixed, back = [], []
    for frame in frames:
        order = list(range(len(frame.faces)))
        random.shuffle(order)
        mixed.append(FrameSeen(frame.time_s, [frame.faces[place] for place in order]))
        back.append([order.index(place) for place in range(len(order))])
    return mixed, back
