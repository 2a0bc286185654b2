"""Files that are written for people: each appears whole or not at all, and what an OSError means is said in words."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class NotAPlainFile(OSError):
    """A pipe, a device or a socket stands where a file was meant."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a file cannot be used, in words, and what to do about it."""

    message: str
    hint: str
    passing: bool
    """Another time it may work: the disk is full, or fails."""


def trouble_with(path: Path, error: OSError) -> Trouble:
    """What `error` says of `path`."""
    passing = error.errno in (*_FULL, errno.EIO)
    message, hint = _words(path, error)
    return Trouble(message, hint, passing)


def _words(path: Path, error: OSError) -> tuple[str, str]:
    reason = os.strerror(error.errno) if error.errno else str(error)
    said = f"{path} cannot be used: {reason}", "check the path"
    if isinstance(error, NotAPlainFile):
        said = f"{path} is no plain file", "name a file"
    elif error.errno in _FULL:
        said = f"{path} cannot be written: the disk is full", "free some space, then try again"
    elif error.errno == errno.EIO:
        said = f"{path} cannot be read or written: the disk fails", "check its health"
    elif error.errno == errno.EEXIST:
        said = f"{path} exists already", "name another file, or remove it first"
    elif error.errno == errno.EISDIR:
        said = f"{path} is a folder", "name a file in it"
    elif error.errno == errno.ENAMETOOLONG:
        said = f"the name {_cut(path)} is too long", "choose a shorter one: 200 bytes always fit"
    elif error.errno == errno.ENOENT and not os.path.lexists(path.parent):
        said = f"there is no folder {path.parent}", "make it, or name another"
    elif error.errno in _FORBIDDEN:
        said = f"{path} may not be used: {reason}", "check the rights on it and on its folder"
    return said


def _cut(path: Path) -> str:
    return path.name if len(path.name) <= 40 else f"{path.name[:40]}..."


@contextmanager
def whole_file(path: Path, *, replace: bool, mode: int = 0o666) -> Iterator[Path]:
    """An empty file to write to, beside `path`; it takes that name when the body is done, and goes when it fails.

    A link is followed: what it leads to is written. Without `replace`, what turns up there meanwhile is left alone.
    `mode` is what others may do with it at most; the umask takes from it.
    Raises OSError: FileExistsError, NotAPlainFile, IsADirectoryError, and what the disk says.
    """
    _refuse(path, replace)
    target = Path(os.path.realpath(path))
    descriptor, name = tempfile.mkstemp(prefix=".moodreel-", suffix=".part", dir=target.parent)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        _finish(partial, mode)
        if replace:
            partial.replace(target)
        else:
            _place(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _refuse(path: Path, replace: bool) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise NotAPlainFile(errno.EINVAL, "it is no plain file", str(path))
    if not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _finish(partial: Path, mode: int) -> None:
    """The rights any new file gets; on the disk, so that it outlives a power cut."""
    umask = os.umask(0)
    os.umask(umask)
    partial.chmod(mode & ~umask)
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())


def _place(partial: Path, target: Path) -> None:
    """Give the file its name unless something has it: a hard link does both in one, where the file system knows it."""
    try:
        target.hardlink_to(partial)
    except FileExistsError:
        raise
    except OSError:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            partial.replace(target)
        except BaseException:
            with suppress(OSError):
                target.unlink()
            raise
