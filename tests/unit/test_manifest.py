"""The CSV that says more about each file."""

import os
from pathlib import Path

import pytest

from jobs.errors import UsageError
from jobs.manifest import read_manifest


def written(folder: Path, text: str, encoding: str = "utf-8") -> str:
    path = folder / "files.csv"
    path.write_bytes(text.encode(encoding))
    return str(path)


def test_every_other_column_is_a_tag_and_paths_are_relative_to_the_manifest(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, 'path,participant,condition\n"a, b.mp4",p1,x\nsub/c.mp4,p2,\n'))
    assert manifest.tags_of(os.fsencode(tmp_path / "a, b.mp4")) == {"participant": "p1", "condition": "x"}
    assert manifest.tags_of(os.fsencode(tmp_path / "sub" / "c.mp4")) == {"participant": "p2"}
    assert manifest.tags_of(b"/elsewhere") == {}


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, "path,who\nx.mp4,me\n", "utf-8-sig"))
    assert manifest.tags_of(os.fsencode(tmp_path / "x.mp4")) == {"who": "me"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,who\nx,me\n", "no column named path"),
        ("", "no column named path"),
        ("path,who\nx.mp4,me,too much\n", "too many values"),
        ("path,who\n,me\n", "no path"),
        ("path,who\nx.mp4,me\n./x.mp4,you\n", "comes twice"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        read_manifest(written(tmp_path, text))


def test_a_manifest_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_manifest(str(tmp_path / "none.csv"))
    (tmp_path / "files.csv").write_bytes(b"path\n\xff\xfe\n")
    with pytest.raises(UsageError, match="cannot be read"):
        read_manifest(str(tmp_path / "files.csv"))
