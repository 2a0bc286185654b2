"""Recordings drawn upon in this process, from faces that a test makes up; and what came out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from db.records import MediaFacts
from tests.clips import identity
from tests.support.video import facts_of
from workers.drawing.draw import draw
from workers.drawing.work import NO_TRACK, DrawResult, DrawWork, Look, Seen

SHARES = (0.1, 0.6, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05)
HAPPINESS = 1


@dataclass(frozen=True)
class Sight:
    """One face at one look."""

    pts: int
    xywh: tuple[float, float, float, float]
    track: int = 1


def seen_of(looked: Sequence[int], sights: Sequence[Sight], until: Sequence[int] | None = None) -> Seen:
    """What was seen: each look holds until the next, the last for as long as the one before, unless `until` says."""
    if until is None:
        last = looked[-1] + (looked[-1] - looked[-2] if len(looked) > 1 else 1)
        until = [*looked[1:], last]
    return Seen(
        looked=np.array(looked, np.int64),
        until=np.array(until, np.int64),
        pts=np.array([sight.pts for sight in sights], np.int64),
        track=np.array([sight.track for sight in sights], np.int32),
        dominant=np.full(len(sights), HAPPINESS, np.int8),
        scores=np.array([SHARES] * len(sights), np.float16).reshape(-1, 8),
        xywh=np.array([sight.xywh for sight in sights], np.float32).reshape(-1, 4),
    )


def photo_facts(width: int, height: int) -> MediaFacts:
    """Of a photo."""
    return MediaFacts("photo", "jpeg", "jpeg", width, height)


def drawn(source: Path, target: Path, seen: Seen, look: Look | None = None, **more: object) -> DrawResult:
    """Draw upon a recording, in this process."""
    facts = facts_of(source)
    work = DrawWork(identity(source), facts, seen.packed(), look or Look(), **more)  # type: ignore[arg-type]
    with target.open("wb") as file:

        def write(offset: int, data: bytes) -> None:
            file.seek(offset)
            file.write(data)

        return draw(work, write, lambda _done: None)


def unseen() -> Seen:
    """Looked at once, at the very beginning, and nobody was there."""
    return seen_of([0], [])


@dataclass(frozen=True)
class Told:
    """What a plain decode says of a film."""

    stamps: list[Fraction]
    """Seconds from the start, by frame."""
    frames: list[NDArray[np.uint8]]
    """BGR, upright as players show it."""
    sound: list[tuple[Fraction, bytes]]
    """Packets of the first stream of sound, and when each begins."""
    start_s: Fraction
    aspect: Fraction | None
    rotations: set[int]
    colours: tuple[int, int, int, int]
    metadata: dict[str, str]


def told(path: Path) -> Told:
    """Read a film by the simplest means there are."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        start_s = Fraction(container.start_time or 0, 1_000_000)
        frames = list(container.decode(video))
        assert video.time_base is not None
        stamps = [(frame.pts or 0) * video.time_base - start_s for frame in frames]
        context = video.codec_context
        colours = (int(context.color_range), int(context.colorspace), context.color_primaries, context.color_trc)
        return Told(
            stamps,
            [_upright(frame) for frame in frames],
            _sound(path, start_s),
            start_s,
            video.sample_aspect_ratio,
            {frame.rotation for frame in frames},
            colours,
            dict(container.metadata),
        )


def _sound(path: Path, start_s: Fraction) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        stream = container.streams.audio[0]
        base = stream.time_base or Fraction(1)
        return [
            ((packet.pts or 0) * base - start_s, bytes(packet)) for packet in container.demux(stream) if packet.size
        ]


def _upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    turns = {0: 0, 90: 1, -90: 3, 180: 2, -180: 2}[frame.rotation]
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="bgr24"), turns)).astype(np.uint8, copy=False)


def with_sound(picture: Path, target: Path, codec: str, *, late_s: float = 0.0, rate: int = 44_100) -> Path:
    """The pictures of a clip with a tone of its length beside them, which begins late."""
    with av.open(str(picture)) as reading, av.open(str(target), "w") as writing:
        video = reading.streams.video[0]
        copy, sound = writing.add_stream_from_template(video), writing.add_stream(codec, rate=rate)
        assert isinstance(sound, av.AudioStream)
        sound.layout = "mono"
        length_s = float((video.duration or 0) * (video.time_base or 0)) or 3.0
        for packet in reading.demux(video):
            if packet.size:
                packet.stream = copy
                writing.mux(packet)
        _write_tone(writing, sound, late_s, length_s - late_s)
    return target


def _write_tone(writing: av.container.OutputContainer, stream: av.AudioStream, late_s: float, length_s: float) -> None:
    wave = np.sin(np.arange(int(length_s * stream.rate)) * (2 * np.pi * 440 / stream.rate)) * 8000
    size = stream.codec_context.frame_size or 1024
    resampler = av.AudioResampler(stream.codec_context.format.name, "mono", stream.rate)
    for at in range(0, len(wave), size):
        frame = av.AudioFrame.from_ndarray(wave[None, at : at + size].astype(np.int16), "s16", "mono")
        frame.rate, frame.pts = stream.rate, int(late_s * stream.rate) + at
        frame.time_base = Fraction(1, stream.rate)
        for ready in resampler.resample(frame):
            writing.mux(stream.encode(ready))
    writing.mux(stream.encode(None))


__all__ = ["NO_TRACK", "Sight", "Told", "drawn", "photo_facts", "seen_of", "told", "unseen", "with_sound"]
