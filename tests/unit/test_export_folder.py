"""A folder with a file a recording: nothing is lost between them, and it appears whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.errors import UsageError
from jobs.export.base import Field, Kind
from jobs.export.folder import NO_MEDIA, FolderWriter, whole_folder
from jobs.export.readme import README

FIELDS = [Field("path", Kind.TEXT), Field("happiness", Kind.REAL)]


def parts(folder: Path) -> dict[str, list[dict[str, object]]]:
    """The rows of every file, by the folder it is in."""
    return {path.parent.name: pq.ParquetFile(path).read().to_pylist() for path in folder.rglob("*.parquet")}


def an_export(folder: Path) -> Path:
    (folder / "media=1").mkdir(parents=True)
    (folder / "media=1" / "part-0.csv").write_text("old")
    (folder / README).write_text("old")
    return folder


def test_each_recording_has_one_file_even_where_batches_cut_it(tmp_path: Path) -> None:
    with FolderWriter(tmp_path, "parquet", FIELDS, {}) as writer:
        writer.write([(3, "a", 0.1), (3, "a", 0.2), (5, "b", None)])
        writer.write([(5, "b", 0.4), (7, "c", 0.5)])
        writer.write([])
    assert parts(tmp_path) == {
        "media=3": [{"path": "a", "happiness": 0.1}, {"path": "a", "happiness": 0.2}],
        "media=5": [{"path": "b", "happiness": None}, {"path": "b", "happiness": 0.4}],
        "media=7": [{"path": "c", "happiness": 0.5}],
    }


def test_without_rows_there_is_one_file_with_the_columns(tmp_path: Path) -> None:
    with FolderWriter(tmp_path, "parquet", FIELDS, {}):
        pass
    (path,) = tmp_path.rglob("*.parquet")
    assert path.parent.name == f"media={NO_MEDIA}"
    assert pq.ParquetFile(path).read().column_names == ["path", "happiness"]


def test_a_folder_appears_when_it_is_done_with_the_rights_of_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with whole_folder(tmp_path / "out", force=False) as partial:
        assert not (tmp_path / "out").exists()
        (partial / "media=1").mkdir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_cannot_be_finished_leaves_the_former_folder_as_it_was(tmp_path: Path) -> None:
    an_export(tmp_path / "out")
    with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "out", force=True) as partial:
        (partial / "media=1").mkdir()
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "media=1" / "part-0.csv").read_text() == "old"


def test_a_former_export_is_replaced_as_a_whole_and_only_when_asked(tmp_path: Path) -> None:
    an_export(tmp_path / "out")
    with pytest.raises(UsageError, match="exists already") as refused, whole_folder(tmp_path / "out", force=False):
        pass
    assert "--force" in refused.value.hint
    with whole_folder(tmp_path / "out", force=True) as partial:
        (partial / "media=2").mkdir()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["media=2"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with whole_folder(tmp_path / "out", force=False) as partial:
        (partial / "media=2").mkdir()
    assert (tmp_path / "out" / "media=2").is_dir()


def a_note(folder: Path) -> None:
    (folder / "thesis.odt").touch()


def a_file_among_the_parts(folder: Path) -> None:
    (folder / "media=1" / "notes.txt").touch()


def a_link(folder: Path) -> None:
    (folder / "media=9").symlink_to(folder / "media=1")


def a_former_part(folder: Path) -> None:
    (folder / "media=1" / "part-0.csv").rename(folder / "media=1" / "part-0.csv.bak")


@pytest.mark.parametrize("add", [a_note, a_file_among_the_parts, a_link, a_former_part])
def test_a_folder_that_holds_anything_else_is_never_replaced(add: Callable[[Path], None], tmp_path: Path) -> None:
    add(an_export(tmp_path / "out"))
    before = sorted(tmp_path.rglob("*"))
    with (
        pytest.raises(UsageError, match="no export has written") as refused,
        whole_folder(tmp_path / "out", force=True),
    ):
        pass
    assert refused.value.hint
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_or_a_place_that_does_not_exist_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "file", tmp_path / "pipe", tmp_path / "no" / "out"):
        with pytest.raises(UsageError) as refused, whole_folder(target, force=True):
            pass
        assert refused.value.hint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]
