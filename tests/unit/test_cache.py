"""The media cache: bounded, shared by processes, never trusting what it did not hash, never removing what is in use."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from db.records import Problem
from tests.support.smalldisk import on_small_disk
from workers.cache import CacheBusy, CacheFault, MediaCache, Staged, Wanted
from workers.errors import MediaError

REPOSITORY = Path(__file__).parents[2]
KEEPER = (sys.executable, "-m", "tests.support.cachekeeper")


def content(number: int, size: int = 100) -> bytes:
    return bytes([number]) * size


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Source:
    """Something to download, which counts how often it was."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        self.data = data
        self.size = len(data) if size is None else size
        self.begun = 0
        self.gate = threading.Event()
        self.gate.set()

    def pieces(self) -> Iterator[bytes]:
        self.begun += 1
        self.gate.wait()
        for at in range(0, len(self.data), 32):
            yield self.data[at : at + 32]

    def wanted(self, sha256: str | None = None, name: bytes = b"a.jpg") -> Wanted:
        return Wanted(name, self.size, self.pieces, sha256)


def stage(cache: MediaCache, number: int) -> Staged:
    data = content(number)
    staged = cache.stage(Source(data).wanted(digest(data)))
    assert isinstance(staged, Staged)
    return staged


def lying(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@contextmanager
def keeper(folder: Path, bound: int = 1000) -> Iterator["subprocess.Popen[str]"]:
    """Another process that uses the folder, ready to be told what to do."""
    process = subprocess.Popen(
        [*KEEPER, str(folder), str(bound)], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert said(process) == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def told(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_content_is_staged_under_its_hash_for_this_user_alone(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path / "cache", 1000)
    source = Source(b"a film")
    with cache.stage(source.wanted(name=b"day 1/Film.MP4")) as staged:
        assert staged.sha256 == digest(b"a film")
        path = tmp_path / "cache" / f"{digest(b'a film')}.mp4"
        assert (staged.identity.path, path.read_bytes()) == (os.fsencode(path), b"a film")
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert (staged.identity.inode, staged.identity.mtime_ns) == (path.stat().st_ino, path.stat().st_mtime_ns)
    with cache.stage(source.wanted(name=b"../x.b/d")) as staged:
        assert staged.identity.path == os.fsencode(tmp_path / "cache" / digest(b"a film"))


def test_what_lies_there_is_not_downloaded_again_nor_by_the_next_process(tmp_path: Path) -> None:
    source = Source(content(1))
    for cache in (MediaCache(tmp_path, 1000), MediaCache(tmp_path, 1000)):
        for _ in range(2):
            cache.stage(source.wanted(digest(content(1)))).release()
    assert source.begun == 1


def test_two_threads_that_want_the_same_download_it_once(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 1000)
    source = Source(content(1))
    source.gate.clear()
    found: list[Staged | Problem] = []
    threads = [
        threading.Thread(target=lambda: found.append(cache.stage(source.wanted(digest(content(1)))))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    source.gate.set()
    for thread in threads:
        thread.join()
    assert source.begun == 1
    assert len({one.identity for one in found if isinstance(one, Staged)}) == 1
    for one in found:
        assert isinstance(one, Staged)
        one.release()


@pytest.mark.parametrize("expected", [digest(b"other"), None])
def test_a_download_of_other_content_or_length_leaves_nothing(expected: str | None, tmp_path: Path) -> None:
    found = MediaCache(tmp_path, 1000).stage(Source(b"short", size=6).wanted(expected))
    assert isinstance(found, Problem)
    assert found.code == "media.changed"
    assert lying(tmp_path) == []


def test_a_download_that_breaks_leaves_nothing_and_tells_its_problem(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"the beginning"
        raise MediaError("remote.unreachable", "the line went dead", "wait", permanent=False)

    found = MediaCache(tmp_path, 1000).stage(Wanted(b"a.jpg", 20, pieces))
    assert found == Problem("remote.unreachable", "the line went dead", "wait", permanent=False)
    assert lying(tmp_path) == []


def test_a_download_stops_soon_after_it_is_asked_to(tmp_path: Path) -> None:
    with pytest.raises(InterruptedError):
        MediaCache(tmp_path, 1000).stage(Source(content(1)).wanted(), stopped=lambda: True)
    assert lying(tmp_path) == []


def test_a_file_that_was_changed_cut_or_replaced_is_downloaded_again(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 1000)
    source = Source(content(1))
    path = tmp_path / f"{digest(content(1))}.jpg"
    for spoil in (
        lambda: path.write_bytes(content(2)),
        lambda: os.truncate(path, 10),
        lambda: (path.unlink(), path.write_bytes(b"")),
    ):
        cache.stage(source.wanted(digest(content(1)))).release()
        spoil()
    before = source.begun
    with cache.stage(source.wanted(digest(content(1)))):
        assert path.read_bytes() == content(1)
    assert (before, source.begun) == (3, 4)


def test_what_was_used_least_recently_goes_first_and_what_is_in_use_never(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 500)
    first = stage(cache, 1)
    for number in (2, 3, 4, 5):
        stage(cache, number).release()
    stage(cache, 2).release()
    stage(cache, 6).release()
    left = {f"{digest(content(number))}.jpg" for number in (1, 2, 4, 5, 6)}
    assert set(lying(tmp_path)) <= left
    assert {f"{digest(content(number))}.jpg" for number in (1, 2, 6)} <= set(lying(tmp_path))
    first.release()


def test_when_all_is_in_use_there_is_no_room_until_some_is_let_go(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 250)
    held = [stage(cache, 1), stage(cache, 2)]
    with pytest.raises(CacheBusy):
        stage(cache, 3)
    held.pop(0).release()
    held.append(stage(cache, 3))
    for one in held:
        one.release()


def test_what_is_larger_than_the_whole_cache_is_a_problem_of_its_own_even_if_it_lied(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 250)
    for size in (300, 10):
        found = cache.stage(Source(content(1, 300), size=size).wanted(digest(content(1, 300))))
        assert isinstance(found, Problem)
        assert (found.code, "MOODREEL_CACHE_MB" in found.hint) == ("cache.too_small", True)
    assert lying(tmp_path) == []
    stage(cache, 1).release()


def test_a_download_larger_than_was_said_makes_room_as_it_grows(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 500)
    for number in range(4):
        stage(cache, number).release()
    data = content(9, 450)
    with cache.stage(Source(data, size=10).wanted(digest(data))):
        assert lying(tmp_path) == [f"{digest(data)}.jpg"]


def test_what_others_use_stays_and_goes_once_they_are_dead(tmp_path: Path) -> None:
    cache = MediaCache(tmp_path, 250)
    stage(cache, 1).release()
    with keeper(tmp_path, 250) as other:
        told(other, f"pin {digest(content(1))}")
        assert said(other) == "Staged"
        for number in (2, 3, 4):
            stage(cache, number).release()
            assert f"{digest(content(1))}.jpg" in lying(tmp_path)
    stage(cache, 5).release()
    assert f"{digest(content(1))}.jpg" not in lying(tmp_path)


def test_a_download_of_another_process_is_left_alone_and_goes_once_that_is_killed(tmp_path: Path) -> None:
    with keeper(tmp_path) as other:
        told(other, "half")
        assert said(other) == "half"
        (part,) = lying(tmp_path)
        stage(MediaCache(tmp_path, 1000), 1).release()
        assert part in lying(tmp_path)
    cache = MediaCache(tmp_path, 1000)
    assert lying(tmp_path) == [f"{digest(content(1))}.jpg"]
    source = Source(b"half")
    cache.stage(source.wanted(digest(b"half"))).release()
    assert source.begun == 1


def test_files_of_others_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_bytes(content(1, 5000))
    cache = MediaCache(tmp_path, 150)
    for number in (1, 2):
        stage(cache, number).release()
    assert "thesis.txt" in lying(tmp_path)


def test_a_folder_that_cannot_be_made_is_said_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheFault, match="cannot be used") as refused:
        MediaCache(tmp_path / "file" / "cache", 1000)
    assert "MOODREEL_CACHE" in refused.value.hint


def test_a_full_disk_makes_what_is_unused_go_and_is_said_when_all_is_in_use(tmp_path: Path) -> None:
    """A real file system of 1 MB; the cache may take far more than that."""
    ended = subprocess.run(
        on_small_disk("1m", tmp_path, [*KEEPER, str(tmp_path), "1000000000"]),
        cwd=REPOSITORY,
        input="drop 200000\nhold 200000\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    _, dropped, held = ended.stdout.splitlines()
    assert dropped == "staged 20"
    assert held.startswith("CacheDiskFull after 5"), held
