"""Drawn scenes whose truth is known: who is in the picture when and where, and what a detector would say of it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from db.records import Face

WIDTH, HEIGHT = 640, 360
HIDDEN_SHARE = 0.4
"""A face of which so much is covered is not seen, by a detector or by truth."""
GRAINS = 8
JITTER = 0.03
"""Of boxes, in box heights."""

Pixels = NDArray[np.uint8]
Spot = tuple[float, float, float]
"""The middle of a face and its height, in pixels."""
Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who plays in a scene."""

    at: Callable[[float], Spot | None]
    """Where, at a time in seconds; None while away."""
    skin: Colour = (150, 180, 225)
    hair: Colour = (40, 50, 60)
    clothes: Colour = (120, 60, 40)


@dataclass(frozen=True, slots=True)
class Shot:
    """What one camera sees until the next cut."""

    start_s: float
    people: Sequence[int]
    """Who of the scene's people is before it."""
    background: int = 0
    shift: tuple[float, float] = (0.0, 0.0)
    """How far it has everybody from their places, in pixels."""
    continues: bool = False
    """A cut that changes nothing for those in the picture: they go on as who they were."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A play of so many seconds."""

    name: str
    people: Sequence[Person]
    length_s: float
    shots: Sequence[Shot] = field(default=())
    missed: float = 0.0
    """Share of the faces that the detector overlooks."""
    invented: float = 0.0
    """How many it sees where none are, a face."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame: what is there, what was found, and the picture."""

    time_s: float
    truth: tuple[tuple[int, Box], ...]
    """An appearance and its box."""
    faces: tuple[Face, ...]
    picture: Pixels


def play(scene: Scene, rate: float, gap_s: float, seed: int = 1) -> Iterator[Shown]:
    """The scene at `rate` frames a second. Who was out of sight for longer than `gap_s` comes back as another."""
    random = np.random.default_rng(seed)
    who = _Appearances(gap_s)
    for number in range(int(scene.length_s * rate)):
        time_s = number / rate
        at = max((index for index, shot in enumerate(_shots(scene)) if shot.start_s <= time_s), default=0)
        shot = _shots(scene)[at]
        spots = _visible(scene, shot, time_s)
        picture = _draw(scene, shot, spots, random)
        seen = [(one, spot) for one, spot, is_seen in spots if is_seen]
        truth = tuple((who.of(one, time_s, at, shot.continues), _box(spot)) for one, spot in seen)
        faces = tuple(sorted(_found(scene, seen, random), key=lambda face: face.box_x))
        yield Shown(time_s, truth, faces, picture)


def _shots(scene: Scene) -> Sequence[Shot]:
    return scene.shots or (Shot(0.0, range(len(scene.people))),)


class _Appearances:
    """Numbers of appearances: another after a gap, and after a cut."""

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._last: dict[int, tuple[int, float, int]] = {}
        self._made = 0

    def of(self, person: int, time_s: float, shot: int, continues: bool) -> int:
        number, before_s, before = self._last.get(person, (0, -math.inf, -1))
        is_same_shot = shot == before or (continues and shot == before + 1)
        if time_s - before_s > self._gap_s + 1e-9 or not is_same_shot:
            self._made += 1
            number = self._made
        self._last[person] = (number, time_s, shot)
        return number


def _visible(scene: Scene, shot: Shot, time_s: float) -> list[tuple[int, Spot, bool]]:
    """Everybody before the camera from far to near, and whether their face is seen."""
    spots = [(one, spot) for one in shot.people if (spot := scene.people[one].at(time_s)) is not None]
    moved = [(one, (x + shot.shift[0], y + shot.shift[1], high)) for one, (x, y, high) in spots]
    moved.sort(key=lambda item: item[1][2])
    return [
        (one, spot, _is_seen(spot, [nearer for _, nearer in moved[place + 1 :]]))
        for place, (one, spot) in enumerate(moved)
    ]


def _is_seen(spot: Spot, nearer: Sequence[Spot]) -> bool:
    x, y, high = spot
    if not (0.2 * high < x < WIDTH - 0.2 * high and 0 < y < HEIGHT):
        return False
    left, top, wide, tall = _box(spot)
    covered = max((_overlap((left, top, wide, tall), _body(one)) for one in nearer), default=0.0)
    return covered < HIDDEN_SHARE


def _body(spot: Spot) -> Box:
    x, y, high = spot
    return x - 0.7 * high, y - 0.8 * high, 1.4 * high, HEIGHT


def _overlap(box: Box, other: Box) -> float:
    across = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    down = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    return max(0.0, across) * max(0.0, down) / (box[2] * box[3])


def _box(spot: Spot) -> Box:
    x, y, high = spot
    return x - 0.4 * high, y - high / 2, 0.8 * high, high


def _found(scene: Scene, seen: Sequence[tuple[int, Spot]], random: np.random.Generator) -> Iterator[Face]:
    for _, (x, y, high) in seen:
        if random.random() >= scene.missed:
            shake = random.normal(0, JITTER, 3) * high
            yield _face((x + shake[0], y + shake[1], high + shake[2]))
        if random.random() < scene.invented:
            yield _face((random.uniform(30, WIDTH - 30), random.uniform(30, HEIGHT - 30), random.uniform(35, 90)))


def _face(spot: Spot) -> Face:
    return Face(*_box(spot), None, 0.9)


def _draw(scene: Scene, shot: Shot, spots: Sequence[tuple[int, Spot, bool]], random: np.random.Generator) -> Pixels:
    picture = _background(shot.background).copy()
    for one, (x, y, high), _ in spots:
        person = scene.people[one]
        middle, size = (round(x), round(y)), round(high)
        shoulders = (round(x - 1.1 * high), round(y + 0.65 * high)), (round(x + 1.1 * high), HEIGHT)
        cv2.rectangle(picture, *shoulders, person.clothes, -1)
        cv2.ellipse(
            picture, (middle[0], middle[1] - size // 8), (size // 2, round(0.66 * size)), 0, 0, 360, person.hair, -1
        )
        cv2.ellipse(picture, middle, (round(0.4 * size), round(0.52 * size)), 0, 0, 360, person.skin, -1)
        for eye in (-0.17, 0.17):
            cv2.circle(picture, (round(x + eye * high), round(y - 0.1 * high)), max(1, size // 16), (40, 30, 30), -1)
    lit = cv2.convertScaleAbs(picture, alpha=random.normal(1.0, 0.03))
    grain = _grains()[random.integers(GRAINS)]
    return cv2.add(lit, grain, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


@cache
def _grains() -> list[NDArray[np.int16]]:
    """What a sensor adds to each picture."""
    random = np.random.default_rng(999)
    return [random.integers(-6, 7, (HEIGHT, WIDTH, 3), np.int16) for _ in range(GRAINS)]


@cache
def _background(number: int) -> Pixels:
    """A room of its own: large smooth patches of colour."""
    coarse = np.random.default_rng(1000 + number).integers(30, 226, (4, 6, 3), np.uint8)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
