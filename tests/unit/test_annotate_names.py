"""What drawn files are called, and what is never written over."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.report import ReportFile, ReportMedia
from jobs.annotate.folder import OutputFolder, Refused
from jobs.annotate.names import LONGEST_BYTES, names_of

MEDIA: dict[str, Any] = {
    **{"media_analysis_id": 1, "sha256": "", "width": 1, "height": 1, "duration_s": 1.0, "first_s": 0.0},
    **{"complete": True, "segments_failed": 0, "frames": 1, "frames_with_face": 0, "faces": 0, "faces_dropped": 0},
    **{"frames_damaged": 0, "frames_missing": 0, "is_cut_short": False},
}


def file(relative: bytes, root: bytes = b"/media", codec: str = "h264") -> ReportFile:
    kind = "video" if codec == "h264" else "photo"
    media = ReportMedia(kind=kind, codec=codec, **MEDIA)
    return ReportFile(os.fsdecode(relative), root, relative, 1, 1, {}, media, None)


def names(*files: ReportFile) -> list[str]:
    return [os.fsdecode(name) for name in names_of(files)]


def test_drawings_are_called_like_their_recordings_in_folders_like_theirs() -> None:
    assert names(file(b"a/clip.mp4"), file(b"b/clip.MP4"), file(b"a/x.jpeg", codec="jpeg")) == [
        *("a/clip.mp4", "b/clip.MP4", "a/x.jpeg"),
    ]


def test_what_becomes_of_another_kind_says_so_and_is_no_recordings_twin() -> None:
    files = [file(b"clip.mov"), file(b"clip.mp4"), file(b"x.heic", codec="heic"), file(b"x.png", codec="png")]
    assert names(*files) == ["clip.mov.mp4", "clip.mp4", "x.heic.jpg", "x.png"]


def test_each_root_has_a_folder_where_there_are_several() -> None:
    files = [file(b"clip.mp4", root) for root in (b"/a/day", b"/b/day", b"s3://bucket/night", b"main")]
    assert names(*files) == ["day/clip.mp4", "day~2/clip.mp4", "night/clip.mp4", "main/clip.mp4"]


def test_no_two_drawings_share_a_name_nor_that_of_a_contact_sheet() -> None:
    files = [file(b"a.mp4"), file(b"A.mp4"), file(b"a.mp4.sheet.jpg", codec="jpeg"), file(b"a~2.mp4")]
    assert names(*files) == ["a.mp4", "A~2.mp4", "a.mp4.sheet~2.jpg", "a~2~2.mp4"]


@pytest.mark.parametrize(
    ("relative", "name"),
    [
        (b"../../etc/clip.mp4", "_/_/etc/clip.mp4"),
        (b"/etc/clip.mp4", "etc/clip.mp4"),
        (b"a/./..", "a/_/_.mp4"),
        (b"...", "_.mp4"),
        (b"", "media.mp4"),
    ],
)
def test_no_name_leads_out_of_the_folder(relative: bytes, name: str) -> None:
    assert names(file(relative)) == [name]


def test_names_that_are_no_text_or_too_long_are_written_as_far_as_they_can_be() -> None:
    raw, long, twin = b"\xff\xfe.mp4", "ä".encode() * 120 + b"1.mp4", "ä".encode() * 120 + b"2.mp4"
    found = names_of([file(raw), file(long), file(twin)])
    assert found[0] == raw
    assert found[1] != found[2]
    assert all(len(name) <= LONGEST_BYTES and name.endswith(b".mp4") for name in found)


@given(st.lists(st.binary(max_size=12), max_size=8))
@settings(derandomize=True, max_examples=100)
def test_whatever_files_are_called_their_drawings_lie_in_the_folder_each_under_its_own_name(raw: list[bytes]) -> None:
    found = names_of([file(relative.replace(b"\0", b"")) for relative in raw])
    assert len({os.fsdecode(name).casefold() for name in found}) == len(raw)
    for name in found:
        assert os.path.normpath(name) == name
        assert not name.startswith((b"/", b".."))


def folder_of(path: Path, *, force: bool = False, recordings: frozenset[bytes] = frozenset()) -> OutputFolder:
    return OutputFolder(path, force=force, recordings=lambda: recordings)


def refusal(folder: OutputFolder, name: bytes) -> str:
    with pytest.raises(Refused) as caught, folder.whole_file(name):
        pass
    assert caught.value.problem.hint
    return caught.value.problem.code


def test_what_is_there_is_left_alone_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("mine")
    assert refusal(folder_of(tmp_path), b"a.mp4") == "output.exists"
    assert (tmp_path / "a.mp4").read_text() == "mine"
    with folder_of(tmp_path, force=True).whole_file(b"a.mp4") as partial:
        partial.write_text("new")
    assert (tmp_path / "a.mp4").read_text() == "new"


def test_recordings_and_what_links_lead_to_are_never_written_over(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    out = tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "clip.mp4").write_text("a recording")
    (out / "link.mp4").symlink_to(outside / "x.mp4")
    (out / "sub").symlink_to(outside)
    recordings = frozenset([os.path.realpath(os.fsencode(out / "clip.mp4"))])
    folder = folder_of(out, force=True, recordings=recordings)
    found = [refusal(folder, name) for name in (b"clip.mp4", b"link.mp4", b"sub/x.mp4", b"sub/deep/x.mp4")]
    assert found == ["output.recording", "output.link", "output.outside", "output.outside"]
    assert list(outside.iterdir()) == []


def test_a_file_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "new" / "out")
    with pytest.raises(ZeroDivisionError), folder.whole_file(b"a/b/c.mp4") as partial:
        partial.write_text(str(1 / 0))
    assert list((tmp_path / "new" / "out").iterdir()) == []
    with folder.whole_file(b"a/b/c.mp4") as partial:
        partial.write_text("whole")
    assert (tmp_path / "new/out/a/b/c.mp4").read_text() == "whole"
