"""Getting a downloadable model: from its URL, resumed where an earlier attempt ended, or from a file at hand.

Bytes gather in `FILE.part`, beside their place. Only what has the card's size and SHA-256 is moved there, in one step;
anything else is deleted and refused with a ModelError. An interrupted download keeps its part for the next attempt.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from workers.errors import ModelError
from workers.models.catalogue import ModelCard, Origin, digest_of
from workers.models.download import Download, Patience

LOCK_WAIT_S = 900.0
"""How long a second fetch of the same model waits for the first; it then finds the model there."""

Progress = Callable[[int, int], None]
"""Hears the bytes at hand and the bytes wanted, now and then."""


def unheard(done: int, total: int) -> None:
    """Progress for nobody."""
    del done, total


def fetch(
    card: ModelCard,
    folder: Path,
    progress: Progress = unheard,
    from_file: Path | None = None,
    patience: Patience | None = None,
) -> Path:
    """Put the model of `card` into `folder` and say where it is; nothing happens where it is there already.

    `from_file` is copied instead of asking the network, and checked alike. Raises ModelError.
    """
    if card.origin is not Origin.DOWNLOAD:
        raise ModelError(
            "model.not_downloadable",
            f"{card.name} is not downloaded: it comes with a package",
            "check it with `moodreel models verify`",
        )
    target, part = folder / card.file, folder / f"{card.file}.part"
    with _disk(folder, card), _only_one(folder, card):
        if _is_right(target, card):
            return target
        target.unlink(missing_ok=True)  # whatever lies there is not the model
        if from_file is None:
            Download(card, part, patience or Patience()).run(progress)
        else:
            _copy(card, from_file, part, progress)
        _admit(card, part, target, from_file)
    return target


def _is_right(path: Path, card: ModelCard) -> bool:
    return path.is_file() and path.stat().st_size == card.size and digest_of(path) == card.sha256


def _copy(card: ModelCard, source: Path, part: Path, progress: Progress) -> None:
    """Copy a local file. It is never moved or changed."""
    try:
        size = source.stat().st_size
        if size != card.size:
            raise ModelError(
                "model.wrong_size", f"{source} has {size} bytes; {card.name} has {card.size}", _from_hint(card)
            )
        with source.open("rb") as stream, part.open("wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise ModelError("model.missing", f"{source} cannot be read: {error.strerror}", _from_hint(card)) from error
    progress(size, card.size)


def _admit(card: ModelCard, part: Path, target: Path, from_file: Path | None) -> None:
    """Move a complete part to its place, or delete it when it is not the model."""
    if not _is_right(part, card):
        part.unlink(missing_ok=True)
        raise ModelError(
            "model.damaged",
            f"{from_file or card.source} is not the {card.name} model: its SHA-256 is not {card.sha256[:12]}...",
            "nothing of it was kept; " + (_from_hint(card) if from_file else _other_way(card)),
        )
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _only_one(folder: Path, card: ModelCard) -> Iterator[None]:
    try:
        with filelock.FileLock(folder / f"{card.file}.lock", timeout=LOCK_WAIT_S):
            yield
    except filelock.Timeout as error:
        raise ModelError(
            "model.busy",
            f"another process has been fetching {card.name} for {LOCK_WAIT_S / 60:.0f} minutes",
            "wait for it, or end it and try again",
            permanent=False,
        ) from error


@contextmanager
def _disk(folder: Path, card: ModelCard) -> Iterator[None]:
    """The folder exists in the body; what the disk refuses there becomes a ModelError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise ModelError(
            "model.disk",
            f"{card.name} cannot be stored in {folder}: {error.strerror or error}",
            f"it needs {card.size / 1e6:.0f} MB there; make room, or set MOODREEL_MODEL_CACHE to another folder",
            permanent=False,
        ) from error


def _from_hint(card: ModelCard) -> str:
    return f"download {card.source} to a file and give that with --from"


def _other_way(card: ModelCard) -> str:
    return f"if a proxy stands in the way, {_from_hint(card)}"
