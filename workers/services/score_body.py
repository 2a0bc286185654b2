"""What `moodreel serve` is sent and what it answers: bodies to crops, probabilities to bodies. Pure functions.

The protocol is that of the FER+ scoring containers: `{"data": [n][1][64][64]}` of numbers 0..255 in, `{"result": eight
probabilities, "time": seconds}` out; a list of such rows where more than one face came. Beside it, for large batches,
the same pixels as bytes.
"""

from typing import Annotated

import msgspec
import numpy as np
from numpy.typing import NDArray

SIDE = 64
JSON = "application/json"
BYTES = "application/octet-stream"
SHAPE = f'{{"data": [n][1][{SIDE}][{SIDE}]}}: gray faces, row by row, numbers 0 to 255'

_Value = Annotated[float, msgspec.Meta(ge=0, le=255)]
_Row = Annotated[list[_Value], msgspec.Meta(min_length=SIDE, max_length=SIDE)]
_Face = Annotated[list[_Row], msgspec.Meta(min_length=SIDE, max_length=SIDE)]
_Channels = Annotated[list[_Face], msgspec.Meta(min_length=1, max_length=1)]


class _Asked(msgspec.Struct):
    data: Annotated[list[_Channels], msgspec.Meta(min_length=1)]


_DECODER = msgspec.json.Decoder(_Asked)


class BadBody(Exception):
    """A body that is no faces: `hint` says what would be."""

    def __init__(self, reason: str, hint: str = f"send {SHAPE}") -> None:
        super().__init__(reason)
        self.hint = hint


def crops_of(media_type: str, body: bytes) -> NDArray[np.uint8]:
    """The faces of a request, uint8 [n, 64, 64], n at least 1. Raises BadBody.

    Fractions are rounded: the models see pictures of 8 bits.
    """
    return _of_bytes(body) if media_type == BYTES else _of_json(body)


def _of_bytes(body: bytes) -> NDArray[np.uint8]:
    if not body or len(body) % SIDE**2:
        hint = f"send {SIDE**2} bytes a face, row by row, one face after the other"
        raise BadBody(f"{len(body):,} bytes are no faces of {SIDE} x {SIDE}", hint)
    return np.frombuffer(body, np.uint8).reshape(-1, SIDE, SIDE)


def _of_json(body: bytes) -> NDArray[np.uint8]:
    try:
        asked = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise BadBody(f"the JSON holds no faces: {error}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadBody(f"the body is no JSON: {error}") from None
    values = np.array(asked.data, np.float32)[:, 0]
    rounded = np.rint(values)
    if values.max() <= 1 and np.any(values != rounded):
        raise BadBody(
            "the values lie between 0 and 1", "send them as they are in a picture, 0 to 255: do not scale them"
        )
    return rounded.astype(np.uint8)


def answer_of(scores: NDArray[np.float32], time_s: float) -> bytes:
    """JSON: one face's eight probabilities as a flat list, as the known clients read it; a list of such for more."""
    rows = scores.tolist()
    return msgspec.json.encode({"result": rows[0] if len(rows) == 1 else rows, "time": round(time_s, 6)})
