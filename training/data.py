"""FER+ as arrays: pictures and what people said of them, in one .npz a split."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.labels import COLUMNS
from workers.errors import SettingsError

SIDE_PX = 48
"""Pixels a side of a FER2013 picture."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Pictures and their votes, row by row."""

    images: NDArray[np.uint8]
    """Gray, uint8 [n, 48, 48]."""
    votes: NDArray[np.uint8]
    """As in `training.labels`, uint8 [n, 10]."""

    def __len__(self) -> int:
        return len(self.images)

    def where(self, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> "Faces":
        """Some of the rows."""
        return Faces(self.images[rows], self.votes[rows])


def load(path: Path) -> Faces:
    """The faces of an .npz with `images` and `votes`. Raises SettingsError when it is anything else."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            faces = Faces(arrays["images"], arrays["votes"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SettingsError(f"{path} holds no FER+ arrays: {error}", _REMEDY) from error
    wanted = ((len(faces), SIDE_PX, SIDE_PX), (len(faces), len(COLUMNS)))
    types = {faces.images.dtype.name, faces.votes.dtype.name}
    if (faces.images.shape, faces.votes.shape) != wanted or types != {"uint8"}:
        raise SettingsError(f"{path}: images {faces.images.shape} and votes {faces.votes.shape} do not fit", _REMEDY)
    return faces


def save(path: Path, faces: Faces, names: list[str]) -> None:
    """Write the faces and their file names as `load` reads them."""
    np.savez_compressed(path, images=faces.images, votes=faces.votes, names=np.array(names))


_REMEDY = "make it with `python -m training.convert`: images uint8 [n,48,48], votes uint8 [n,10]"
