"""Messages survive the wire unchanged, and bytes from a hostile child become a message or an error, nothing else."""

from contextlib import suppress
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.records import Face, FileIdentity, Frame, MediaFacts, Problem, SegmentSpec
from db.states import FrameStatus
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, SamplingMode, ScorerSpec
from workers.messages import (
    AnalyseBatch,
    Analysed,
    BatchDone,
    Cutout,
    Enclosed,
    Enclosures,
    Failed,
    Give,
    ProbeBatch,
    Probed,
    ProbeResult,
    ProbeWork,
    Progress,
    Ready,
    Reply,
    SegmentResult,
    SegmentWork,
    Started,
    Takes,
    Undecodable,
    Whole,
    decode_reply,
    decode_request,
    encode,
)

SOURCE = FileIdentity(b"/media/na\xefve\n%02d.mp4", 2**63 + 5, 2**40, 2**50, 1_700_000_000_123_456_789)
SAMPLING = Sampling(SamplingMode.INTERVAL, Fraction(1001, 30000), Fraction(1, 3), None)
ANALYSIS = AnalysisSpec(SAMPLING, DetectorSpec(model_sha256="d"), ScorerSpec(options=(("region", "eu"),)))
FACTS = MediaFacts("video", "mp4", "h264", 1920, 1080, time_base_num=1, time_base_den=90_000, first_pts=-3003)
FACE = Face(1.5, 2.5, 30.0, 40.0, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0), 0.9, (0.125,) * 8)
TAKES = Takes(("jpeg", "png"), 1024, 6 * 2**20, 80)
FRAME = Frame(-3003, -0.033366666666666669, (FACE, FACE), 2, FrameStatus.DAMAGED)


@pytest.mark.parametrize(
    "request_",
    [
        ProbeBatch(()),
        ProbeBatch((ProbeWork(SOURCE, ANALYSIS), ProbeWork(SOURCE, ANALYSIS.for_photos()))),
        ProbeBatch((ProbeWork(SOURCE, ANALYSIS, Give.CROPS),)),
        AnalyseBatch((SegmentWork(SOURCE, FACTS, SegmentSpec(3, -3003, 90_000, None, 17), ANALYSIS, Give.GRAY),)),
        AnalyseBatch((SegmentWork(SOURCE, FACTS, SegmentSpec(0), ANALYSIS, Give.PICTURES, TAKES),)),
    ],
)
def test_a_request_survives_the_wire(request_: ProbeBatch | AnalyseBatch) -> None:
    assert decode_request(encode(request_)) == request_


@pytest.mark.parametrize(
    "reply",
    [
        Ready(),
        Started(7),
        Progress(7, 8),
        Analysed(7, SegmentResult((FRAME,), 1, 2.5, {"decode": 1.5})),
        Probed(7, ProbeResult(FACTS, (SegmentSpec(0), SegmentSpec(1, 1, 2)))),
        Probed(7, ProbeResult(None)),
        Failed(7, Problem("media.empty", "nothing \N{GRINNING FACE}", "record it again")),
        BatchDone(),
    ],
)
def test_a_reply_survives_the_wire(reply: Reply) -> None:
    assert decode_reply(encode(reply)) == reply


def test_crops_survive_the_wire_with_their_shape() -> None:
    crops = np.arange(2 * 64 * 64, dtype=np.uint8).reshape(2, 64, 64)
    reply = decode_reply(encode(Analysed(0, SegmentResult((), crops=crops))))
    assert isinstance(reply, Analysed)
    assert reply.result.crops is not None
    assert reply.result.crops.shape == (2, 64, 64)
    assert (reply.result.crops == crops).all()


def test_cut_outs_and_whole_pictures_survive_the_wire() -> None:
    pixels = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    wholes = (Whole(b"\xff\xd8 and so on", 2.0, 960, 540), None)
    sent = Enclosed(3, Enclosures(cutouts=(Cutout(pixels, (-0.5, 1.0, 3.5, 4.0)),), wholes=wholes))
    reply = decode_reply(encode(sent))
    assert isinstance(reply, Enclosed)
    (cutout,) = reply.part.cutouts
    assert np.array_equal(cutout.pixels, pixels)
    assert cutout.face_xywh == (-0.5, 1.0, 3.5, 4.0)
    assert (reply.index, reply.part.wholes) == (3, wholes)


@pytest.mark.parametrize(
    "cutout",
    [
        {"pixels": [[2, 2], bytes(4)], "face_xywh": [0.0, 0.0, 1.0, 1.0]},
        {"pixels": [[2, 2, 4], bytes(16)], "face_xywh": [0.0, 0.0, 1.0, 1.0]},
        {"pixels": [[0, 2, 3], b""], "face_xywh": [0.0, 0.0, 1.0, 1.0]},
        {"pixels": [[0, 2**62, 3], b""], "face_xywh": [0.0, 0.0, 1.0, 1.0]},
        {"pixels": [[2, 2, 3], bytes(13)], "face_xywh": [0.0, 0.0, 1.0, 1.0]},
        {"pixels": [[1, 1, 3], bytes(3)], "face_xywh": [0.0, float("nan"), 1.0, 1.0]},
        {"pixels": [[1, 1, 3], bytes(3)], "face_xywh": [0.0, 0.0, float("inf"), 1.0]},
        {"pixels": [[1, 1, 3], bytes(3)], "face_xywh": [0.0, 0.0, 0.0, 1.0]},
        {"pixels": [[1, 1, 3], bytes(3)], "face_xywh": [0.0, 0.0, 1.0]},
        {"pixels": [[1, 1, 3], bytes(3)]},
        5,
    ],
)
def test_a_cut_out_that_is_none_is_refused(cutout: object) -> None:
    refused({"cutouts": [cutout]})


@pytest.mark.parametrize(
    "whole",
    [
        {"picture": b"", "scale": 1.0, "width": 1, "height": 1},
        {"picture": b"x", "scale": 0.0, "width": 1, "height": 1},
        {"picture": b"x", "scale": float("inf"), "width": 1, "height": 1},
        {"picture": b"x", "scale": float("nan"), "width": 1, "height": 1},
        {"picture": b"x", "scale": 1.0, "width": 0, "height": 1},
        {"picture": "x", "scale": 1.0, "width": 1, "height": 1},
    ],
)
def test_a_whole_picture_that_is_none_is_refused(whole: object) -> None:
    refused({"wholes": [whole]})


def refused(part: dict[str, object]) -> None:
    """Both where it is enclosed and where it comes with the result."""
    for raw in (
        {"type": "Enclosed", "index": 0, "part": part},
        {"type": "Analysed", "index": 0, "result": {"frames": [], **part}},
    ):
        with pytest.raises(Undecodable):
            decode_reply(msgspec.msgpack.encode(raw))


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((1, 64, 64), np.float32),
        5,
        [[2**70], b""],
        [[-1, -1], b"abcd"],
        [[3], b"abcd"],
        [["x"], b"abcd"],
        [1, 2, 3],
        b"abcd",
    ],
)
def test_crops_that_are_none_are_refused(crops: object) -> None:
    raw: object = {"type": "Analysed", "index": 0, "result": {"frames": [], "crops": crops}}
    with pytest.raises((Undecodable, TypeError, OverflowError)):
        decode_reply(msgspec.msgpack.encode(raw))


@pytest.mark.parametrize("message", [Ready(), Analysed(0, SegmentResult((FRAME,)))])
def test_a_reply_is_no_request(message: Reply) -> None:
    with pytest.raises(Undecodable):
        decode_request(encode(message))


def test_a_request_with_an_impossible_fraction_is_refused() -> None:
    raw = encode(ProbeBatch((ProbeWork(SOURCE, ANALYSIS),)))
    with pytest.raises(Undecodable):
        decode_request(raw.replace(b"1001/30000", b"1001/00000"))


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(Undecodable):
        decode_reply(b"\x83\xa4type\xa5Ready\xa1x" + b"\x91" * 500_000)


@given(st.binary(max_size=200))
@settings(derandomize=True, max_examples=300)
def test_random_bytes_never_surprise_a_parent(raw: bytes) -> None:
    with suppress(Undecodable):
        decode_reply(raw)


@given(st.data())
@settings(derandomize=True, max_examples=300)
def test_a_damaged_reply_never_surprises_a_parent(data: st.DataObject) -> None:
    crops = np.zeros((2, 4), np.uint8)
    cutouts = (Cutout(np.zeros((2, 2, 3), np.uint8), (0.0, 0.0, 1.0, 1.0)),)
    wholes = (Whole(b"x", 1.0, 1, 1), None)
    result = SegmentResult((FRAME,), 1, 2.5, {"decode": 1.5}, crops, cutouts, wholes)
    raw = bytearray(encode(Analysed(7, result)))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Undecodable):
        decode_reply(bytes(raw[: data.draw(st.integers(0, len(raw)))]) if data.draw(st.booleans()) else bytes(raw))
