"""Writing the pictures of a drawn recording into an MP4: as H.264, each shown when and for as long as in the source."""

from collections.abc import Callable
from fractions import Fraction

import av
import av.codec
import av.container
from av.codec.codec import UnknownCodecError

from workers.drawing.upright import FORMAT, Shape

FALLBACK = "mpeg4"
ENCODERS = ("libx264", FALLBACK)
"""In this order, by what the build of FFmpeg has."""
CRF = "20"
KEY_EVERY_S = 2
HUGE_PIXELS = 10_000_000
"""Beyond 4K the encoder looks at one frame at a time: a dozen would not fit into a child."""
_FALLBACK_QUALITY = "4"


def encoder_name(has: Callable[[str], bool]) -> str:
    """The best encoder there is. Raises LookupError where there is none."""
    found = next((name for name in ENCODERS if has(name)), None)
    if found is None:
        raise LookupError(f"this build of FFmpeg has none of {', '.join(ENCODERS)}")
    return found


def has_encoder(name: str) -> bool:
    """Whether the build of FFmpeg has it."""
    try:
        av.codec.Codec(name, "w")
    except UnknownCodecError:
        return False
    return True


class Pictures:
    """The video stream of `output`. Frames come in the order of their times; `end_pts` is where the last one ends."""

    def __init__(
        self, output: av.container.OutputContainer, shape: Shape, time_base: Fraction, fps: Fraction, threads: int
    ) -> None:
        self._output = output
        self._name = encoder_name(has_encoder)
        self._time_base = time_base
        stream = output.add_stream(self._name, rate=fps)
        assert isinstance(stream, av.VideoStream)  # noqa: S101  narrows the type
        self._stream = stream
        self._waiting: tuple[av.VideoFrame, int] | None = None
        self._durations: dict[int, int] = {}
        self._stamps: list[int] = []
        self._count = 0
        self._set_up(shape, fps, threads)

    @property
    def notes(self) -> list[str]:
        """What is otherwise than one would expect."""
        return [] if self._name != FALLBACK else ["this build of FFmpeg has no H.264 encoder: it is MPEG-4 Part 2"]

    def add(self, frame: av.VideoFrame, pts: int) -> None:
        """Show a frame from `pts` on, until the next."""
        self._pass_on(pts)
        self._waiting = frame, pts

    def finish(self, end_pts: int) -> None:
        """The last frame ends there; give what is held back."""
        self._pass_on(end_pts)
        self._mux(self._stream.encode(None))

    def _set_up(self, shape: Shape, fps: Fraction, threads: int) -> None:
        stream, context = self._stream, self._stream.codec_context
        stream.width, stream.height, stream.pix_fmt = shape.width, shape.height, FORMAT
        context.time_base = self._time_base if self._name != FALLBACK else 1 / fps
        context.gop_size = max(1, round(KEY_EVERY_S * fps))
        context.sample_aspect_ratio = shape.aspect
        context.thread_count = threads
        context.color_range, context.colorspace = shape.colours.range, shape.colours.matrix
        context.color_primaries, context.color_trc = shape.colours.primaries, shape.colours.transfer
        context.options = self._options(shape, threads)

    def _options(self, shape: Shape, threads: int) -> dict[str, str]:
        if self._name == FALLBACK:
            return {"qmin": _FALLBACK_QUALITY, "qmax": _FALLBACK_QUALITY}
        chosen = {"preset": "veryfast", "crf": CRF, "threads": str(threads)}
        if shape.width * shape.height > HUGE_PIXELS:
            chosen["x264-params"] = "bframes=0:rc-lookahead=0:sync-lookahead=0"
        return chosen

    def _pass_on(self, until: int) -> None:
        """Encode the frame that waits, now that it is known how long it is shown."""
        if self._waiting is None:
            return
        (frame, pts), self._waiting = self._waiting, None
        self._durations[pts] = max(1, until - pts)
        frame.time_base = self._stream.codec_context.time_base
        frame.pts = pts
        if self._name == FALLBACK:  # its clock is too coarse for many time bases: it counts, and nothing is reordered
            self._stamps.append(pts)
            frame.pts = self._count = self._count + 1
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: "list[av.Packet[av.VideoStream]]") -> None:
        for packet in packets:
            if self._name == FALLBACK:
                packet.pts = packet.dts = self._stamps.pop(0)
                packet.time_base = self._time_base
            packet.duration = self._durations.pop(packet.pts or 0, 0)
            self._output.mux_one(packet)
