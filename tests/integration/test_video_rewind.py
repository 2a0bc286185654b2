"""Going back to a video's beginning: its first packets come from memory, and are those that opening anew would give."""

import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest

from tests.clips import Clip, decode_fully, make
from tests.support.video import EVERY, read, same
from workers.video import container
from workers.video.container import Video, VideoPacket, decoded, open_video
from workers.video.index import index_packets
from workers.video.probe import first_frame, sniff_file
from workers.video.sequential import ranked

CLIPS = [Clip("b.mp4", frames=60), Clip("b.mkv", frames=60), Clip("b.ts", frames=60), Clip("b.avi", frames=60)]
Told = list[tuple[int | None, int | None, bytes]]


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that were opened, in order."""
    opened: list[bytes] = []
    opens = container._open

    def counted(path: bytes, form: Any) -> Any:
        opened.append(path)
        return opens(path, form)

    monkeypatch.setattr(container, "_open", counted)
    return opened


@pytest.fixture(params=CLIPS, ids=lambda clip: Path(clip.name).suffix)
def video(request: pytest.FixtureRequest, tmp_path: Path, openings: list[bytes]) -> Iterator[Video]:
    """A short video, just opened."""
    path = os.fsencode(make(request.param, tmp_path))
    form = sniff_file(path)
    assert form is not None
    with open_video(path, form) as opened:
        yield opened


def told(packets: Iterator[VideoPacket]) -> Told:
    return [(packet.pts, packet.dts, bytes(packet)) for packet in packets]


def anew(video: Video) -> Told:
    """What opening the file anew gives."""
    video.reopen()
    return told(video.packets())


@pytest.mark.parametrize("taken", [0, 1, 20, 60, None])
def test_a_video_that_was_read_to_anywhere_begins_again_without_being_opened(
    taken: int | None, video: Video, openings: list[bytes]
) -> None:
    first = told(islice(video.packets(), taken))
    for _ in range(2):
        video.rewind()
        again = told(video.packets())
        assert again[: len(first)] == first
        assert len(again) == 60
    assert len(openings) == 1
    assert again == anew(video)


def test_reading_goes_on_where_it_stopped(video: Video) -> None:
    told(islice(video.packets(), 30))
    video.rewind()
    parts = [told(islice(video.packets(), 10)) for _ in range(6)]
    assert list(chain.from_iterable(parts)) == anew(video)


@pytest.mark.parametrize("limit", ["HEAD_PACKETS", "HEAD_BYTES"])
def test_what_is_too_much_for_memory_is_read_from_the_file_again(
    limit: str, video: Video, openings: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, limit, 7)
    first = told(video.packets())
    assert len(first) == 60
    assert len(video.head()) == (7 if limit == "HEAD_PACKETS" else 0)
    video.rewind()
    assert len(openings) == 2
    assert told(video.packets()) == first


def test_after_a_seek_nothing_but_the_file_knows_the_beginning(video: Video, openings: list[bytes]) -> None:
    first = told(islice(video.packets(), 20))
    video.seek(video.ticks(1))
    assert told(video.packets())[-1] != first[-1]
    video.rewind()
    assert len(openings) == 2
    assert told(video.packets())[:20] == first


def test_a_decoder_that_has_begun_begins_again_with_the_packets(video: Video) -> None:
    def shown(packets: Iterator[VideoPacket]) -> list[bytes]:
        context = video.stream.codec_context
        frames = [frame for packet in packets for frame in decoded(context, packet) or ()]
        return [frame.to_ndarray().tobytes() for frame in frames + (decoded(context, None) or [])]

    expected = shown(video.packets())
    assert len(expected) == 60
    video.rewind()
    shown(islice(video.packets(), 17))
    video.rewind()
    assert shown(video.packets()) == expected


def test_why_reading_stopped_is_said_again(video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    demux = video.container.demux

    class Damaged:
        def demux(self, stream: Any) -> Iterator[Any]:
            yield from islice(demux(stream), 5)
            raise container.av.error.InvalidDataError(1, "bytes that make no sense")

        def close(self) -> None:
            whole.close()

    whole = video.container
    monkeypatch.setattr(video, "container", Damaged())
    for _ in range(2):
        assert len(told(video.packets())) == 5
        assert "no sense" in str(video.stopped_by)
        video.rewind()
        assert len(told(islice(video.packets(), 3))) == 3
        assert video.stopped_by is None
        video.rewind()


def test_packets_that_were_numbered_have_their_times_again(video: Video) -> None:
    index = index_packets(video.packets(), "h264")
    before = [packet.pts for packet in video.head()]
    video.rewind()
    assert len(list(islice(ranked(video, video.packets(), index), 20))) == 20
    assert [packet.pts for packet in video.head()] == before


@pytest.mark.parametrize("kept", [4096, 1])
def test_the_first_frame_is_the_same_whatever_is_in_memory(
    kept: int, video: Video, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(container, "HEAD_PACKETS", kept)
    told(video.packets())
    assert len(video.head()) == min(60, kept)
    _, pixels = decode_fully(next(tmp_path.glob("b.*")))[0]
    assert (first_frame(video).to_ndarray(format="bgr24") == pixels).all()


def test_a_short_video_is_opened_once_to_be_probed_and_once_to_be_read(tmp_path: Path, openings: list[bytes]) -> None:
    path = make(CLIPS[0], tmp_path)
    reading = read(path, EVERY)
    assert len(reading.segments) == 1
    assert len(openings) == 2
    assert same(reading.frames, decode_fully(path))
