"""FER+ as published, to arrays and back, on tables and folders of three pictures."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from training import convert
from training.data import Faces, load
from workers.errors import SettingsError

IMAGES = np.random.default_rng(1).integers(0, 256, (3, 48, 48)).astype(np.uint8)
VOTES = np.array(
    [[4, 0, 0, 1, 3, 2, 0, 0, 0, 0], [0, 10, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0, 2, 7]], np.uint8
)
USAGES = ("Training", "PublicTest", "PrivateTest")
SPLITS = ("train", "valid", "test")


def write(path: Path, rows: list[list[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def tables(folder: Path) -> tuple[Path, Path]:
    """The two tables; between the pictures lies one that FER+ left out."""
    pixels = [" ".join(map(str, image.ravel())) for image in IMAGES]
    first = [[0, pixel, usage] for pixel, usage in zip(pixels, USAGES, strict=True)]
    second = [[usage, f"fer{at}.png", *VOTES[at]] for at, usage in enumerate(USAGES)]
    first.insert(1, [0, pixels[0], "Training"])
    second.insert(1, ["Training", "", *VOTES[0]])
    return (
        write(folder / "fer2013.csv", [["emotion", "pixels", "Usage"], *first]),
        write(folder / "fer2013new.csv", [["Usage", "Image name", *"abcdefghij"], *second]),
    )


def folders(folder: Path) -> Path:
    for at, name in enumerate(convert.FOLDERS):
        write(folder / name / "label.csv", [[f"fer{at}.png", "(0, 0, 48, 48)", *VOTES[at]]])
        cv2.imwrite(str(folder / name / f"fer{at}.png"), IMAGES[at])
    return folder


def assert_all_there(out: Path) -> None:
    for at, split in enumerate(SPLITS):
        faces = load(out / f"ferplus_{split}.npz")
        assert np.array_equal(faces.images, IMAGES[at : at + 1])
        assert np.array_equal(faces.votes, VOTES[at : at + 1])


def test_the_two_tables_become_one_file_a_split(tmp_path: Path) -> None:
    counts = convert.written(convert.of_tables(*tables(tmp_path)), tmp_path / "out")
    assert list(counts.values()) == [1, 1, 1]
    assert_all_there(tmp_path / "out")


def test_the_folders_become_the_same(tmp_path: Path) -> None:
    convert.written(convert.of_folders(folders(tmp_path)), tmp_path / "out")
    assert_all_there(tmp_path / "out")


def test_tables_of_other_pictures_are_refused(tmp_path: Path) -> None:
    first, second = tables(tmp_path)
    second.write_text(second.read_text().replace("PublicTest", "Training"))
    with pytest.raises(SettingsError, match=r"line 4 .* are not of one picture"):
        convert.written(convert.of_tables(first, second), tmp_path)


def test_a_table_that_ends_early_is_refused(tmp_path: Path) -> None:
    first, second = tables(tmp_path)
    second.write_text("\n".join(second.read_text().splitlines()[:3]))
    with pytest.raises(SettingsError, match=r"line 4 .* are not of one picture"):
        convert.written(convert.of_tables(first, second), tmp_path)


def test_another_table_is_refused(tmp_path: Path) -> None:
    first, _ = tables(tmp_path)
    with pytest.raises(SettingsError, match="line 2 of"):
        convert.written(convert.of_tables(first, first), tmp_path)


def test_a_picture_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = folders(tmp_path)
    (folder / "FER2013Valid" / "fer1.png").unlink()
    with pytest.raises(SettingsError, match=r"line 1 of .*FER2013Valid.*fer1\.png is no picture"):
        convert.written(convert.of_folders(folder), tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there are no pictures"):
        convert.written(convert.of_folders(tmp_path), tmp_path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": IMAGES, "votes": VOTES[:2]},
        {"images": IMAGES.astype(np.float32), "votes": VOTES},
        {"pictures": IMAGES},
    ],
    ids=["unlike lengths", "another type", "another name"],
)
def test_arrays_of_another_kind_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(SettingsError) as refused:
        load(tmp_path / "wrong.npz")
    assert "training.convert" in refused.value.hint


def test_what_is_no_array_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("images")
    for path in (tmp_path / "text.npz", tmp_path / "missing.npz"):
        with pytest.raises(SettingsError):
            load(path)


def test_rows_of_faces_can_be_chosen() -> None:
    chosen = Faces(IMAGES, VOTES).where(np.array([2, 0]))
    assert len(chosen) == 2
    assert np.array_equal(chosen.votes, VOTES[[2, 0]])
