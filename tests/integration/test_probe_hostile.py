"""Hostile names and files that would have us open others: nothing but the file itself is ever touched."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clips import Clip, make, written
from tests.support.video import EVERY, code_of, probed, read
from workers.errors import MediaError
from workers.video import sniff
from workers.video.container import open_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def usual(folder: Path) -> Path:
    return make(Clip("usual.mp4"), folder)


@pytest.mark.parametrize(
    "name",
    [
        b"frame%02d.mp4",
        b"two\nlines.mp4",
        "\N{GRINNING FACE} 'quoted' \"twice\".mp4".encode(),
        b"-i.mp4",
        b"http:evil.mp4",
        b"concat:a|b.mp4",
        b"query?x=1#part.mp4",
        b"not-utf8-\xff.mp4",
        b"no extension",
        b"wrong.txt",
    ],
)
def test_any_name_is_only_a_name(name: bytes, usual: Path, folder: Path) -> None:
    path = folder / os.fsdecode(name)
    written(path, usual.read_bytes())
    assert len(read(path, EVERY).pictures) == 75


@pytest.fixture
def canary() -> Iterator[tuple[int, list[bytes]]]:
    """A server on this machine that nobody may call, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    asked.append(connection.recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], asked
        stop.set()
        thread.join()


DISGUISES = {
    "ffconcat": "ffconcat version 1.0\nfile usual.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{url}\n#EXT-X-ENDLIST\n",
    "hls-file": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{file}\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "sdl": "<smil><body><video src='{url}'/></body></smil>",
}


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ffconcat", ".mkv", ".ts", ".sdp", ""])
@pytest.mark.parametrize("kind", list(DISGUISES))
def test_a_playlist_by_any_name_opens_nothing(
    kind: str, suffix: str, usual: Path, folder: Path, canary: tuple[int, list[bytes]]
) -> None:
    port, asked = canary
    text = DISGUISES[kind].format(url=f"http://127.0.0.1:{port}/x.ts", file=usual.as_uri())
    assert probed(written(folder / f"list{suffix}", text.encode())).facts is None
    assert asked == []


@pytest.mark.parametrize("kind", list(DISGUISES))
@pytest.mark.parametrize(
    "head",
    [b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", b"\x1a\x45\xdf\xa3\x80", b"RIFF\x00\x00\x00\x00AVI "],
    ids=["mp4", "mkv", "avi"],
)
def test_a_playlist_behind_a_videos_first_bytes_opens_nothing(
    kind: str, head: bytes, usual: Path, folder: Path, canary: tuple[int, list[bytes]]
) -> None:
    port, asked = canary
    text = DISGUISES[kind].format(url=f"http://127.0.0.1:{port}/x.ts", file=usual.as_uri())
    assert code_of(written(folder / "list.mp4", head + text.encode())).startswith("media.")
    assert asked == []


@pytest.mark.parametrize("form_of", ["mp4", "mkv", "avi", "ts"])
def test_the_forced_demuxer_itself_refuses_a_playlist(form_of: str, usual: Path, folder: Path) -> None:
    """Should sniffing ever be fooled, the allow-lists still hold: the other file's pictures never appear."""
    form = {"mp4": sniff.MP4, "mkv": sniff.MKV, "avi": sniff.AVI, "ts": sniff.MPEGTS}[form_of]
    path = written(folder / "fooled.mp4", DISGUISES["ffconcat"].encode() * 20)
    with pytest.raises(MediaError), open_video(os.fsencode(path), form) as video:
        list(video.packets())
