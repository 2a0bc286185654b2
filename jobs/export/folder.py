"""A folder with one file a recording, laid out so that it reads as one table, which appears whole or not at all."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from db.export import MEDIA
from jobs.disk import refusal
from jobs.errors import UsageError
from jobs.export.base import Batch, Field, Notes, TableWriter
from jobs.export.files import writer
from jobs.export.readme import README

NO_MEDIA = "__HIVE_DEFAULT_PARTITION__"
"""How hive names the part without a value; here a file without rows, where there are none."""
_PART = re.compile(r"part-0\.\w+")


class FolderWriter:
    """Writes `media=12/part-0.parquet` and so on. Rows begin with the number of their media and come in its order;
    `fields` are the columns after that.
    """

    def __init__(self, folder: Path, form: str, fields: Sequence[Field], notes: Notes) -> None:
        self._folder = folder
        self._form = form
        self._fields = fields
        self._notes = notes
        self._media: object = None
        self._into: TableWriter | None = None
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None and self._into is None:
            self._open(NO_MEDIA)
        self._opened.__exit__(kind, error, tb)

    def write(self, rows: Batch) -> None:
        """Write some rows."""
        for media, group in groupby(rows, key=itemgetter(0)):
            if self._into is None or media != self._media:
                self._into, self._media = self._open(media), media
            self._into.write([row[1:] for row in group])

    def _open(self, media: object) -> TableWriter:
        self._opened.close()
        part = self._folder / f"{MEDIA}={media}"
        part.mkdir()
        path = part / f"part-0.{self._form}"
        return self._opened.enter_context(writer(self._form, path, self._fields, self._notes))


@contextmanager
def whole_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """An empty folder beside `path`, which takes that name once the body is done and goes when it fails.

    Nothing is replaced but what is empty or, with `force`, what an export made. Raises UsageError, DiskTrouble.
    """
    target = Path(os.path.realpath(path))
    try:
        _refuse(target, path, force)
        partial = Path(tempfile.mkdtemp(prefix=".moodreel-", suffix=".part", dir=target.parent))
        try:
            yield partial
            umask = os.umask(0)
            os.umask(umask)
            partial.chmod(0o777 & ~umask)
            os.sync()  # the names must not outlive a power cut without what they name
            _place(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise refusal(path, error) from error


def _refuse(target: Path, path: Path, force: bool) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise UsageError(f"{path} is a file, and --partition-by makes a folder", "name another")
    there = list(target.iterdir())
    if there and not force:
        raise UsageError(f"{path} exists already", "name another folder, or add --force to replace it")
    if not all(map(_is_ours, there)):
        raise UsageError(f"{path} holds what no export has written", "name another folder, or remove it first")


def _is_ours(entry: Path) -> bool:
    if entry.is_symlink() or not entry.is_dir():
        return entry.name == README
    return entry.name.startswith(f"{MEDIA}=") and all(_PART.fullmatch(part.name) for part in entry.iterdir())


def _place(partial: Path, target: Path) -> None:
    """Give the folder its name; what has it gets it back should that fail."""
    if not target.is_dir():
        partial.rename(target)
        return
    before = partial.with_suffix(".old")
    target.rename(before)
    try:
        partial.rename(target)
    except BaseException:
        before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)
