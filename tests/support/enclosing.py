"""A child that encloses what the name of each file to analyse says, by the rules or not."""

import os

import msgspec
import numpy as np

from db.records import Frame
from tests.support.faces import face
from workers.channel import Channel
from workers.child import Orders, enlisted
from workers.messages import (
    Analysed,
    BatchDone,
    Cutout,
    Enclosed,
    Enclosures,
    Ready,
    SegmentResult,
    Started,
    decode_request,
    encode,
)

CUTOUT = Cutout(np.zeros((8, 8, 3), np.uint8), (1.0, 1.0, 6.0, 6.0))


def main(argument: str) -> None:
    """Answer each item by its name; one that is not answered by it gets one face and its cut-out."""
    with enlisted(Orders.of(argument)) as channel:
        channel.send(encode(Ready()))
        while (raw := channel.receive()) is not None:
            for index, item in enumerate(decode_request(raw).items):
                channel.send(encode(Started(index)))
                _say(channel, index, os.fsdecode(item.source.path))
            channel.send(encode(BatchDone()))


def _say(channel: Channel, index: int, name: str) -> None:
    match name:
        case "too-much":
            large = Cutout(np.zeros((1000, 1000, 3), np.uint8), (0.0, 0.0, 9.0, 9.0))
            while True:
                channel.send(encode(Enclosed(index, Enclosures(cutouts=(large,)))))
        case "of-another-item":
            channel.send(encode(Enclosed(index + 1, Enclosures(cutouts=(CUTOUT,)))))
        case "of-another-kind":
            channel.send(encode(Enclosed(index, Enclosures(wholes=(None,)))))
        case "one-too-many":
            channel.send(encode(Enclosed(index, Enclosures(cutouts=(CUTOUT,)))))
        case "no-pixels" | "no-place" as name:
            channel.send(_raw(index, name))
    if name.startswith("enclosed"):
        channel.send(encode(Enclosed(index, Enclosures(cutouts=(CUTOUT,)))))
    frame = Frame(0, 0.0, (face(9, 9, 9),))
    rest = () if name.startswith("enclosed") else (CUTOUT,)
    channel.send(encode(Analysed(index, SegmentResult((frame,), cutouts=rest))))


def _raw(index: int, name: str) -> bytes:
    """An enclosure that no honest child could even make."""
    pixels = ((0, 8, 3), b"") if name == "no-pixels" else ((1, 1, 3), bytes(3))
    box = (0.0, 0.0, float("nan"), 1.0) if name == "no-place" else (0.0, 0.0, 1.0, 1.0)
    part = {"cutouts": [{"pixels": pixels, "face_xywh": box}]}
    return msgspec.msgpack.encode({"type": "Enclosed", "index": index, "part": part})
