"""The sound of a recording beside its drawn pictures: copied as it is where an MP4 takes it, else encoded as AAC."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TypeAlias

import av
import av.container
import av.error
from av.audio.resampler import AudioResampler

from workers.drawing.film_clock import Shift

if TYPE_CHECKING:
    AudioPacket: TypeAlias = av.Packet[av.AudioStream]
else:
    AudioPacket = av.Packet  # generic in its stub only

COPIED = frozenset(("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"))
"""What players find in an MP4, too."""
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
"""What AAC knows (ISO/IEC 14496-3, table 1.18)."""
OTHER_RATE = 48_000
AAC_FRAME = 1024
LAYOUTS = frozenset(("mono", "stereo", "3.0", "4.0", "5.0", "5.1"))
"""Kept; where it is not known which channel is what, or there are more, two are made of them."""


class Track(Protocol):
    """One stream of sound on its way."""

    def pass_on(self, packet: AudioPacket) -> None:
        """Take one packet."""

    def finish(self) -> None:
        """Give what is held back."""


class Sound:
    """Every stream of sound of `source`, added to `output`, whose times begin at `start`."""

    def __init__(
        self, source: av.container.InputContainer, output: av.container.OutputContainer, start: Fraction
    ) -> None:
        self._tracks: dict[int, Track] = {}
        self.notes: list[str] = []
        for stream in source.streams.audio:
            self._add(stream, output, start)

    def pass_on(self, packet: AudioPacket) -> None:
        """Take one packet of one of the streams."""
        track = self._tracks.get(packet.stream_index)
        if track is not None:
            track.pass_on(packet)

    def finish(self) -> None:
        """Give what is held back."""
        for track in self._tracks.values():
            track.finish()

    def _add(self, stream: av.AudioStream, output: av.container.OutputContainer, start: Fraction) -> None:
        codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
        if not codec or stream.time_base is None:
            self.notes.append("sound that cannot be read was left out")
        elif codec in COPIED:
            self._tracks[stream.index] = _Copied(output, stream, start)
        else:
            self._tracks[stream.index] = _Encoded(output, stream, start)
            self.notes.append(f"its sound ({codec}) was encoded anew, as AAC: an MP4 does not hold it as it is")


class _Copied:
    """Packets as they are."""

    def __init__(self, output: av.container.OutputContainer, stream: av.AudioStream, start: Fraction) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(stream)
        self._shift = Shift.of(start, stream.time_base or Fraction(1))
        self._last: int | None = None

    def pass_on(self, packet: AudioPacket) -> None:
        """Mux it, unless it runs backwards in time: no container takes that."""
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None or (self._last is not None and dts <= self._last):
            return
        self._last = dts
        pts = packet.pts if packet.pts is not None else dts
        packet.pts, packet.dts = self._shift.apply(pts), self._shift.apply(dts)
        packet.stream = self._stream
        self._output.mux_one(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class _Encoded:
    """Decoded, and encoded as AAC."""

    def __init__(self, output: av.container.OutputContainer, stream: av.AudioStream, start: Fraction) -> None:
        self._output = output
        self._decoder = stream.codec_context
        self._decoder.thread_count = 1
        rate = stream.rate if stream.rate in RATES else OTHER_RATE
        self._stream = output.add_stream("aac", rate=rate)
        layout = _layout(stream)
        self._stream.layout = layout
        self._stream.time_base = Fraction(1, rate)
        self._shift = Shift.of(start, stream.time_base or Fraction(1))
        self._resampler = AudioResampler("fltp", layout, rate, AAC_FRAME)

    def pass_on(self, packet: AudioPacket) -> None:
        """Decode, and encode what is whole; what makes no sense is left out."""
        for frame in self._decoded(packet):
            if frame.pts is not None:
                frame.pts = self._shift.apply(frame.pts)
            self._encode(self._resampler.resample(frame))

    def finish(self) -> None:
        """Give what is held back."""
        for frame in self._decoded(None):
            self._encode(self._resampler.resample(frame))
        self._encode(self._resampler.resample(None))
        self._output.mux(self._stream.encode(None))

    def _encode(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            self._output.mux(self._stream.encode(frame))

    def _decoded(self, packet: AudioPacket | None) -> Iterator[av.AudioFrame]:
        try:
            yield from self._decoder.decode(packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            return


def _layout(stream: av.AudioStream) -> str:
    if stream.layout.nb_channels == 1:
        return "mono"
    return stream.layout.name if stream.layout.name in LAYOUTS else "stereo"
