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
    assert manifest.tags == {
        os.fsencode(tmp_path / "a, b.mp4"): {"participant": "p1", "condition": "x"},
        os.fsencode(tmp_path / "sub" / "c.mp4"): {"participant": "p2"},
    }


def test_a_path_may_be_a_url_which_has_one_form(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, "path,who\nS3://films/a.mp4,me\n"))
    assert manifest.tags == {b"s3://films/a.mp4": {"who": "me"}}


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, "path,who\nx.mp4,me\n", "utf-8-sig"))
    assert manifest.tags == {os.fsencode(tmp_path / "x.mp4"): {"who": "me"}}


def test_blank_lines_spaces_around_names_and_short_rows_are_no_matter(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, " path , who\n\nx.mp4,me\n\ny.mp4\n"))
    assert list(manifest.tags.values()) == [{"who": "me"}, {}]


def test_a_value_may_run_over_lines_and_the_line_that_is_named_is_the_last_of_the_row(tmp_path: Path) -> None:
    text = 'path,note\nx.mp4,"two\nlines"\n'
    assert list(read_manifest(written(tmp_path, text)).tags.values()) == [{"note": "two\nlines"}]
    with pytest.raises(UsageError, match="line 4"):
        read_manifest(written(tmp_path, text + ",me\n"))


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("file,who\nx,me\n", "no column named path", "file, who"),
        ("", "no column named path", "none"),
        ("\n\n", "no column named path", "none"),
        ("path,who\nx.mp4,me,too much\n", "line 2: too many values", "comma"),
        ("path,who\n,me\n", "line 2: no path", "take the row out"),
        ("who,path\nme\n", "line 2: no path", "take the row out"),
        ("path,who\n,\n", "line 2: no path", "take the row out"),
        ("path,who\nx.mp4,me\n./x.mp4,you\n", "line 3: './x.mp4' comes twice", "one row a file"),
        (",path,who\n0,x.mp4,me\n", "column 1 has no name", "index=False"),
        ("path,who, \nx.mp4,me,\n", "column 3 has no name", "leave it out"),
        ("path,a,a\nx.mp4,1,2\n", "the column 'a' comes twice", "name of its own"),
        ("path,path\nx.mp4,y.mp4\n", "the column 'path' comes twice", "name of its own"),
        ("path,who\n", "has no rows", "a row for each file"),
        ("path,who\n\n\n", "has no rows", "a row for each file"),
        ("path\nx\0.mp4\n", "line 2: a path cannot hold a NUL", "UTF-8"),
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused_with_its_line(
    text: str, said: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        read_manifest(written(tmp_path, text))
    assert hint in refused.value.hint


def test_a_manifest_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_manifest(str(tmp_path / "none.csv"))
    (tmp_path / "files.csv").write_bytes(b"path\n\xff\xfe\n")
    with pytest.raises(UsageError, match="cannot be read"):
        read_manifest(str(tmp_path / "files.csv"))
