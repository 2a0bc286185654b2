"""The scenes that the tracker is measured on: what goes wrong with trackers, each on a stage of its own."""

import math
from collections.abc import Callable

from benchmarks.people import Person, Scene, Shot, Spot

RED, BLUE, GREEN, GRAY, OCHRE = (50, 50, 180), (170, 80, 40), (70, 130, 60), (120, 120, 120), (40, 140, 190)
PALE, BROWN = (170, 195, 235), (70, 100, 150)
DARK, FAIR = (35, 40, 45), (110, 170, 200)

At = Callable[[float], Spot | None]


def seated(x: float, y: float, high: float, phase: float = 0.0) -> At:
    """On a chair, swaying and nodding."""
    return lambda t: (
        x + 0.15 * high * math.sin(0.9 * t + phase),
        y + 0.08 * high * math.sin(1.7 * t + 2 * phase),
        high * (1 + 0.05 * math.sin(0.5 * t + phase)),
    )


def walking(y: float, high: float, period_s: float, phase: float = 0.0, reach: float = 260.0) -> At:
    """To and fro across the picture, a bit up and down with each step."""

    def at(t: float) -> Spot:
        turn = (t / period_s + phase) % 1.0
        across = 4 * abs(turn - 0.5) - 1
        return 320 + reach * across, y + 0.05 * high * math.sin(6 * t), high

    return at


def coming_and_going(at: At, stays_s: float, away_s: float) -> At:
    """In the picture for a while, then away for a while."""
    return lambda t: at(t) if t % (stays_s + away_s) < stays_s else None


def _dialogue() -> Scene:
    """Shot and reverse shot, whose people sit at the same place of the picture; now and then both; a jump cut."""
    people = (
        Person(seated(320, 130, 110), PALE, DARK, RED),
        Person(seated(320, 130, 105, 1.0), BROWN, DARK, BLUE),
        Person(seated(200, 140, 80, 0.3), PALE, DARK, RED),
        Person(seated(440, 140, 80, 1.3), BROWN, DARK, BLUE),
    )
    shots = []
    for number in range(12):
        start_s = 5.0 * number
        cast, room = (((0,), 1), ((1,), 2), ((2, 3), 3))[number % 3]
        shots.append(Shot(start_s, cast, room))
        if number % 3 == 2:
            shots.append(Shot(start_s + 2.5, cast, room, continues=True))
    return Scene("cuts", people, 60.0, shots)


def _crowd() -> tuple[Person, ...]:
    return (
        Person(seated(120, 120, 60), PALE, FAIR, RED),
        Person(seated(240, 130, 64, 1.0), BROWN, DARK, BLUE),
        Person(seated(400, 120, 60, 2.0), PALE, DARK, GREEN),
        Person(seated(540, 135, 66, 3.0), BROWN, DARK, OCHRE),
        Person(walking(210, 80, 24.0, 0.1), PALE, DARK, GRAY),
    )


def scenes() -> list[Scene]:
    """Every scene, a minute each."""
    pacing = (
        Person(walking(150, 62, 14.0), PALE, DARK, RED),
        Person(walking(170, 74, 18.0, 0.5), BROWN, DARK, BLUE),
    )
    crossing = (
        Person(walking(150, 62, 24.0, reach=450.0), PALE, DARK, RED),
        Person(walking(170, 74, 26.0, 0.5, reach=450.0), BROWN, DARK, BLUE),
    )
    alike = (
        Person(walking(150, 62, 24.0, reach=450.0), PALE, DARK, GRAY),
        Person(walking(170, 74, 26.0, 0.5, reach=450.0), PALE, DARK, GRAY),
    )
    return [
        Scene("seated", _crowd()[:2], 60.0),
        Scene("pacing", pacing, 60.0),
        Scene("crossing", crossing, 60.0),
        Scene("crossing, alike", alike, 60.0),
        Scene("leaving", (_crowd()[0], Person(coming_and_going(seated(400, 130, 70), 9.0, 6.0), BROWN)), 60.0),
        Scene("swapped chairs", _swapping(), 60.0),
        _dialogue(),
        Scene("occlusion", (*_crowd()[:2], Person(walking(200, 110, 11.0, reach=420.0), BROWN, FAIR, GREEN)), 60.0),
        Scene("poor detector", _crowd(), 60.0, missed=0.1, invented=0.02),
    ]


def _swapping() -> tuple[Person, ...]:
    """One leaves, and soon another sits down where the first sat."""
    chair = seated(330, 130, 70)
    return (
        _crowd()[0],
        Person(lambda t: chair(t) if t % 20 < 8.5 else None, PALE, FAIR, RED),
        Person(lambda t: chair(t) if 10 <= t % 20 < 18.5 else None, BROWN, DARK, BLUE),
    )
