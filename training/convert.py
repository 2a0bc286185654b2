"""FER+ as it is published, to arrays: one .npz for each of train, valid and test.

    python -m training.convert --fer2013 fer2013.csv --ferplus fer2013new.csv --out DIR
    python -m training.convert --folders data/ --out DIR

The tables are FER2013's (pixels) and FER+'s (votes), row by row; the folders are FER2013Train, FER2013Valid and
FER2013Test with a label.csv each, as the FER+ project's script makes them. Pictures without a name in FER+ are left
out: its authors found no face in them.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple, TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from training.commands import run
from training.data import SIDE_PX, Faces, save
from training.labels import COLUMNS
from workers.errors import SettingsError

SPLITS = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
"""What FER2013 calls its parts, and what we do."""
FOLDERS = {"FER2013Train": "train", "FER2013Valid": "valid", "FER2013Test": "test"}


class Row(NamedTuple):
    """One picture."""

    split: str
    name: str
    image: NDArray[np.uint8]
    votes: list[int]


def main() -> int:
    """Read the arguments, convert."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fer2013", type=Path, metavar="CSV", help="FER2013's table: emotion, pixels, Usage")
    parser.add_argument("--ferplus", type=Path, metavar="CSV", help="FER+'s table: Usage, Image name, ten votes")
    parser.add_argument("--folders", type=Path, metavar="DIR", help="instead: where FER2013Train and the others are")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the .npz files go")
    asked = parser.parse_args()
    if asked.folders:
        rows = of_folders(asked.folders)
    elif asked.fer2013 and asked.ferplus:
        rows = of_tables(asked.fer2013, asked.ferplus)
    else:
        raise SettingsError("nothing to convert", "give --fer2013 and --ferplus, or --folders")
    for path, count in written(rows, asked.out).items():
        print(f"{path}: {count} pictures", file=sys.stderr)
    return 0


def written(rows: Iterator[Row], folder: Path) -> dict[Path, int]:
    """Write the rows by split; how many pictures each file holds. Raises SettingsError where there are none."""
    splits: dict[str, list[Row]] = {}
    for row in rows:
        splits.setdefault(row.split, []).append(row)
    if not splits:
        raise SettingsError("there are no pictures", "check that the files are those of FER2013 and FER+")
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"ferplus_{split}.npz": group for split, group in splits.items()}
    for path, group in files.items():
        images, votes = np.stack([row.image for row in group]), np.array([row.votes for row in group], np.uint8)
        save(path, Faces(images, votes), [row.name for row in group])
    return {path: len(group) for path, group in files.items()}


def of_tables(fer2013: Path, ferplus: Path) -> Iterator[Row]:
    """Rows of the two tables, which have the same pictures in the same order."""
    with _opened(fer2013) as pixels, _opened(ferplus) as votes:
        pairs = zip_longest(csv.DictReader(pixels), csv.DictReader(votes))
        for number, (one, other) in enumerate(pairs, start=2):
            where = f"line {number} of {fer2013} and {ferplus}"
            try:
                same = one is not None and other is not None and one["Usage"] == other["Usage"]
                if not same:
                    raise SettingsError(f"{where} are not of one picture", "give the tables as published, unsorted")
                if other["Image name"]:
                    ballot = [int(cell) for cell in list(other.values())[2:]]
                    yield Row(SPLITS[one["Usage"]], other["Image name"], _pixels(one["pixels"]), _votes(ballot))
            except (KeyError, ValueError) as error:
                raise SettingsError(
                    f"{where}: {error!r}", "give fer2013.csv and fer2013new.csv as published"
                ) from error


def of_folders(folder: Path) -> Iterator[Row]:
    """Rows of the folders that there are."""
    for name, split in FOLDERS.items():
        labels = folder / name / "label.csv"
        if not labels.exists():
            continue
        with _opened(labels) as lines:
            for number, cells in enumerate(csv.reader(lines), start=1):
                try:
                    yield Row(
                        split, cells[0], _picture(labels.parent / cells[0]), _votes([int(one) for one in cells[2:]])
                    )
                except (IndexError, ValueError) as error:
                    raise SettingsError(f"line {number} of {labels}: {error}", "make the folders anew") from error


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", "give a file of FER2013 or FER+") from error


def _pixels(cell: str) -> NDArray[np.uint8]:
    """A picture as a table has it: 2,304 numbers with blanks between."""
    return np.array(cell.split(), np.uint8).reshape(SIDE_PX, SIDE_PX)


def _picture(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None or picture.shape != (SIDE_PX, SIDE_PX):
        raise ValueError(f"{path} is no picture of {SIDE_PX} x {SIDE_PX} pixels")
    return picture.astype(np.uint8, copy=False)


def _votes(ballot: list[int]) -> list[int]:
    if len(ballot) != len(COLUMNS) or min(ballot) < 0:
        raise ValueError(f"there are {len(ballot)} counts of votes, not {len(COLUMNS)}")
    return ballot


if __name__ == "__main__":
    run(main)
