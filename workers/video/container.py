"""Opening a video: one forced demuxer, no protocol but local files, one stream, one decoding thread."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import av
import av.container
import av.error

from workers.video.problems import MAX_VIDEO_PIXELS, no_video, too_large, translated, unsupported_codec
from workers.video.sniff import AVI, Format

if TYPE_CHECKING:
    VideoPacket: TypeAlias = av.Packet[av.VideoStream]
else:
    VideoPacket = av.Packet  # generic in its stub only

CODECS = frozenset(("h264", "hevc", "vp9", "vp8", "av1", "mpeg4", "mjpeg", "mpeg2video", "mpeg1video"))
_DECODERS = {"libdav1d": "av1"}
OPEN_TIMEOUT_S = 30.0
HEAD_BYTES = 32 << 20
HEAD_PACKETS = 4096
"""How much of a stream's beginning is kept. Opening a file anew decodes a frame of it, and a packet may hold a byte."""


class _Head:
    """The first packets of a stream, kept so that they need not be read twice."""

    def __init__(self) -> None:
        self.packets: list[VideoPacket] = []
        self.whole = True
        """Whether it is all that was read since the file was opened."""
        self._bytes = 0

    def add(self, packet: VideoPacket) -> None:
        """Keep the next packet, if there is room and it is the next."""
        self.whole &= len(self.packets) < HEAD_PACKETS and self._bytes + packet.size <= HEAD_BYTES
        if self.whole:
            self.packets.append(packet)
            self._bytes += packet.size


class Video:
    """An open container and its video stream, for use through `open_video`."""

    def __init__(self, path: bytes, form: Format, *, fast: bool = False) -> None:
        self._path = path
        self._form = form
        self._fast = fast
        self.stopped_by: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._head = _Head()
        self._given = 0
        self._over = False
        self._why_over: str | None = None
        self.container = _open(self._path, self._form)
        try:
            self.stream = _pick_stream(self.container, fast=self._fast)
        except BaseException:
            self.container.close()
            raise

    def close(self) -> None:
        """Close the container."""
        self.container.close()

    @property
    def time_base(self) -> Fraction:
        """Seconds a tick."""
        return self.stream.time_base or Fraction(1, 1)

    @property
    def start_us(self) -> int:
        """The container's start in microseconds; 0 where it has none."""
        return self.container.start_time or 0

    @property
    def aspect(self) -> Fraction | None:
        """Width of a pixel in heights; None where the file does not say."""
        return self.stream.sample_aspect_ratio or self.stream.codec_context.sample_aspect_ratio

    @property
    def trusts_pts(self) -> bool:
        """Whether PTS are the file's own. AVI has none: where frames are reordered, libavformat can only guess, and
        two of them may share a packet (DivX's packed bitstream).
        """
        return not (self._form == AVI and self.stream.codec_context.has_b_frames)

    def ticks(self, seconds: int) -> int:
        """Seconds in the stream's time base."""
        return round(seconds / self.time_base)

    def seek(self, pts: int) -> None:
        """Go to the key frame at or before `pts`, or near it, as the format allows; else to the beginning."""
        self._head.whole = self._over = False
        self._given = len(self._head.packets)
        try:
            self.container.seek(pts, stream=self.stream, backward=True)
        except av.error.FFmpegError:
            self.rewind()

    def rewind(self) -> None:
        """Go back to the very first packet: to those kept in memory, or by opening anew, as nothing else does in every
        format. `stream` is another one then.
        """
        if self._head.whole:
            self.stream.codec_context.flush_buffers()
            self._given = 0
        else:
            self.reopen()

    def reopen(self) -> None:
        """Open the file anew: the container itself is at its beginning, for whoever reads other streams as well."""
        self.container.close()
        self._begin()

    def head(self) -> list[VideoPacket]:
        """The stream's first packets, as many as were read from the beginning and are still in memory."""
        return list(self._head.packets)

    def packets(self) -> Iterator[VideoPacket]:
        """The stream's packets in decode order from where the container stands, without the closing empty one.

        Bytes that make no sense end it early, and `stopped_by` says so: what came before is kept. A packet may be given
        again after `rewind`: whoever changes one changes it back.
        """
        self.stopped_by = None
        while self._given < len(self._head.packets):
            self._given += 1
            yield self._head.packets[self._given - 1]
        if not self._over:
            yield from self._read()
        self.stopped_by = self._why_over

    def _read(self) -> Iterator[VideoPacket]:
        self._why_over = None
        try:
            for packet in self.container.demux(self.stream):
                if packet.size:
                    self._head.add(packet)
                    self._given = len(self._head.packets)
                    yield packet
        except (av.error.InvalidDataError, av.error.EOFError) as error:
            self._why_over = f"reading stops with {error.strerror or error}"
        except IndexError:
            pass  # PyAV stumbles over streams that appeared on the way (MPEG-TS), once every packet is read
        self._over = True


@contextmanager
def open_video(path: bytes, form: Format, *, fast: bool = False) -> Iterator[Video]:
    """Open a video whose format was sniffed. Raises MediaError; exceptions in the body are translated as well.

    `fast`: decode without the loop filter but on key frames, on which all others stand. Frames are then not those of a
    full decode.
    """
    with translated(path), closing(Video(path, form, fast=fast)) as video:
        yield video


def decoded(context: av.VideoCodecContext, packet: VideoPacket | None) -> list[av.VideoFrame] | None:
    """The frames that come out when `packet` goes in (None: all that are held back); None where it makes no sense."""
    try:
        return context.decode(packet)
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return None


def codec_name(stream: av.VideoStream) -> str:
    """The codec's plain name."""
    name = stream.codec_context.name
    return _DECODERS.get(name, name)


def _open(path: bytes, form: Format) -> av.container.InputContainer:
    # `file:` keeps a name like `http:x.mp4` a name; the allow-lists keep a playlist from opening anything else.
    return av.open(
        "file:" + os.fsdecode(path),
        mode="r",
        format=form.reader,
        options={"protocol_whitelist": "file", "format_whitelist": form.reader},
        timeout=(OPEN_TIMEOUT_S, OPEN_TIMEOUT_S),
        metadata_errors="replace",
    )


def _pick_stream(container: av.container.InputContainer, *, fast: bool) -> av.VideoStream:
    moving = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not moving:
        raise no_video(audio=bool(container.streams.audio))
    stream = container.streams.best("video") if len(moving) > 1 else moving[0]
    if stream not in moving or not isinstance(stream, av.VideoStream):
        stream = moving[0]
    context = stream.codec_context
    if context is None or codec_name(stream) not in CODECS:
        raise unsupported_codec("an unknown codec" if context is None else codec_name(stream))
    if context.width * context.height > MAX_VIDEO_PIXELS:
        raise too_large(context.width, context.height, MAX_VIDEO_PIXELS)
    context.thread_count = 1  # the runner parallelises over processes
    context.options = {"max_pixels": str(MAX_VIDEO_PIXELS)} | ({"skip_loop_filter": "nokey"} if fast else {})
    return stream


def _is_cover(stream: av.VideoStream) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.still_image))
