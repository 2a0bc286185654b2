"""Bad input gets a code, a reason and a hint, and never costs the good input beside it."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import moodreel, sql, start, wait_until

PROBLEMS = "SELECT path, code, reason, hint FROM problems ORDER BY path"


def write_png_header(path: Path, width: int, height: int) -> None:
    """A PNG that claims a size and holds a few bytes of it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = b"IDAT" + zlib.compress(bytes(1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, (header, pixels))))


def _chunk(content: bytes) -> bytes:
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))


def write_sound_only(path: Path) -> None:
    """An MP4 of one second of silence."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def write_cut_clip(path: Path, keep: float, faststart: bool) -> None:
    """A clip of which only the first part was copied."""
    write_clip(path, 3, seconds=4)
    if faststart:
        moved = path.with_name("moved.mp4")
        with av.open(str(path)) as source, av.open(str(moved), "w", options={"movflags": "+faststart"}) as output:
            stream = output.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(source.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
        moved.replace(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


BAD: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty.mp4": ("media.empty", lambda path: path.write_bytes(b"")),
    "text.mp4": ("media.not_media", lambda path: path.write_text("this is text, whatever its name says\n" * 50)),
    "no index.mp4": ("media.missing_moov", lambda path: write_cut_clip(path, 0.6, faststart=False)),
    "sound.mp4": ("media.audio_only", write_sound_only),
    "vast.png": ("media.too_large", lambda path: write_png_header(path, 20_000, 20_000)),
    "list.m3u8": ("media.playlist", lambda path: path.write_text("#EXTM3U\n#EXTINF:3,\ncut short.mp4\n")),
    "noise.jpg": ("media.corrupt", lambda path: path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20)),
}
GOOD = {
    "a name with spaces.jpg": 1,
    "new\nline.jpg": 2,
    "émoji 😀.jpg": 3,
    'quote\'s "double".jpg': 4,
    "frame_%02d.jpg": 5,
    "-leading-dash.jpg": 6,
    "http:x.jpg": 7,
    "zz_last.jpg": 8,
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good and bad files side by side."""
    folder = tmp_path_factory.mktemp("mixed")
    for name, (_, make) in BAD.items():
        make(folder / name)
    for name, number in GOOD.items():
        write_photo(folder / name, number)
    (folder / "notes.txt").write_text("no media by name nor by content")
    (folder / ".hidden.jpg").write_bytes(b"")
    write_cut_clip(folder / "cut short.mp4", 0.6, faststart=True)
    return folder


@pytest.fixture(scope="module")
def analysed(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a run over them."""
    folder = tmp_path_factory.mktemp("analysed")
    ended = moodreel("run", mixed, "--json", cwd=folder)
    assert ended.code == 1, ended.err
    assert ended.summary["counts"]["skipped"] == 1
    return folder / "moodreel.db"


def test_every_good_file_beside_bad_ones_is_analysed(analysed: Path) -> None:
    found = sql(analysed, "SELECT path, faces FROM frames WHERE path LIKE '%.jpg' ORDER BY path")
    assert found == [(name, 1) for name in sorted(GOOD)]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_has_its_code_a_reason_and_a_hint(name: str, analysed: Path) -> None:
    ((code, reason, hint),) = [row[1:] for row in sql(analysed, PROBLEMS) if row[0] == name]
    assert code == BAD[name][0]
    assert len(reason) > 10
    assert len(hint) > 10


def test_a_clip_that_was_cut_short_keeps_what_came_before(analysed: Path) -> None:
    times = [time for (time,) in sql(analysed, "SELECT time_s FROM frames WHERE path = 'cut short.mp4' ORDER BY 1")]
    assert len(times) >= 2
    assert times == pytest.approx(range(len(times)))
    scopes = sql(analysed, "SELECT code, scope FROM problems WHERE path = 'cut short.mp4'")
    assert scopes == [("media.truncated", "partial")]


def test_only_what_is_bad_is_a_problem(analysed: Path) -> None:
    assert {row[0] for row in sql(analysed, PROBLEMS)} == {*BAD, "cut short.mp4"}


def test_a_path_that_does_not_exist_does_not_stop_the_others(tmp_path: Path) -> None:
    write_photo(tmp_path / "one.jpg", 1)
    ended = moodreel("run", tmp_path / "nowhere", tmp_path / "one.jpg", cwd=tmp_path)
    assert ended.code == 1
    assert sql(tmp_path / "moodreel.db", "SELECT path, code FROM problems") == [("nowhere", "path.not_found")]
    assert sql(tmp_path / "moodreel.db", "SELECT count(*) FROM emotions") == [(1,)]


def test_a_folder_with_nothing_to_analyse_says_so(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("nothing")
    ended = moodreel("run", tmp_path / "in", cwd=tmp_path)
    assert ended.code == 1
    assert "nothing to analyse" in ended.out
    assert sql(tmp_path / "moodreel.db", "SELECT code FROM problems") == [("path.empty",)]


def test_links_that_lead_back_are_walked_once(tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "deep").mkdir(parents=True)
    write_photo(media / "deep" / "one.jpg", 1)
    (media / "deep" / "up").symlink_to(media)
    (media / "loop").symlink_to(media / "loop")
    ended = moodreel("run", media, cwd=tmp_path)
    assert ended.code == 1
    assert sql(tmp_path / "moodreel.db", "SELECT path, code FROM problems") == [("loop", "path.link_loop")]
    assert sql(tmp_path / "moodreel.db", "SELECT path FROM job_file WHERE error_code IS NULL") == [("deep/one.jpg",)]


def test_a_file_we_may_not_read_is_a_problem(tmp_path: Path) -> None:
    write_photo(tmp_path / "good.jpg", 1)
    write_photo(tmp_path / "secret.jpg", 2)
    (tmp_path / "closed").mkdir(mode=0o000)
    (tmp_path / "secret.jpg").chmod(0o000)
    process = start("run", tmp_path, "--quiet", cwd=tmp_path, ordinary=True)
    assert process.communicate(timeout=60) == ("", "")
    problems = sql(tmp_path / "moodreel.db", "SELECT path, code FROM problems ORDER BY 1")
    assert problems == [("closed", "path.unreadable"), ("secret.jpg", "media.unreadable")]
    assert sql(tmp_path / "moodreel.db", "SELECT path FROM frames") == [("good.jpg",)]


def test_the_database_in_the_folder_that_is_walked_is_no_problem(tmp_path: Path) -> None:
    write_photo(tmp_path / "one.jpg", 1)
    for _ in range(2):
        ended = moodreel("run", ".", cwd=tmp_path)
        assert ended.code == 0, ended.out


def test_a_file_that_changes_while_it_is_analysed_gives_no_results(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    write_clip(media / "long.mp4", 1, seconds=20)
    write_photo(media / "still.jpg", 2)
    process = start("run", media, "--every-frame", "--workers", "1", "--quiet", cwd=tmp_path)
    database = tmp_path / "moodreel.db"
    running = "SELECT 1 FROM segment WHERE state = 'running' AND kind = 'video'"
    wait_until(lambda: database.exists() and _try(database, running))
    with (media / "long.mp4").open("ab") as stream:
        stream.write(b"more")
    process.communicate(timeout=120)
    assert process.returncode == 1
    assert sql(database, "SELECT path, code FROM problems") == [("long.mp4", "media.changed")]
    assert sql(database, "SELECT path, count(*) FROM frames GROUP BY 1") == [("still.jpg", 1)]


def _try(database: Path, statement: str) -> bool:
    import sqlite3

    try:
        return bool(sql(database, statement))
    except sqlite3.OperationalError:
        return False  # its tables are just being made
