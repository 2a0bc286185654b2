"""Faces of known geometry, for tests that need no detector."""

import math

from db.records import Face


def face(x: float, y: float, side: float, angle: float = 0.0, width: float | None = None) -> Face:
    """A face whose box is centred on (x, y), `side` high, its eyes turned by `angle` radians clockwise (y is down)."""
    width = 0.8 * side if width is None else width
    reach, lift = 0.2 * side, 0.1 * side
    cos, sin = math.cos(angle), math.sin(angle)

    def at(right: float, down: float) -> tuple[float, float]:
        return x + cos * right - sin * down, y + sin * right + cos * down

    points = (at(-reach, -lift), at(reach, -lift), at(0, 0), at(-reach, 2.5 * lift), at(reach, 2.5 * lift))
    landmarks = tuple(value for point in points for value in point)
    return Face(x - width / 2, y - side / 2, width, side, landmarks, 0.9)  # type: ignore[arg-type]
