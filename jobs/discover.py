"""Walk what a person named, in an order that never changes, and say of every path what it is to the system.

Names are bytes throughout: they need not be text. Nothing is opened here.
"""

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from db.records import FileIdentity, Problem
from workers.hashing import identify
from workers.urls import is_url

MEDIA_EXTENSIONS = frozenset(
    b".jpg .jpeg .jpe .png .webp .bmp .tif .tiff .heic .heif .avif .gif "
    b".mp4 .m4v .mov .qt .3gp .3g2 .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .vob .wmv .asf .flv .ogv".split()
)
"""What claims to be media by its name: if its content is none, that is a problem and not a file to pass over."""
PLAYLIST_EXTENSIONS = frozenset(b".m3u .m3u8 .mpd .ism .isml .ffconcat .sdp .pls .xspf .asx .wpl .smil .smi".split())
"""What claims to name media that lie elsewhere: nothing that a file names is ever opened."""


def extension(name: bytes) -> bytes:
    """What a name ends in, in small letters."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122  names are bytes


def claims_media(name: bytes) -> bool:
    """Whether a name says photo or video, or a list of them."""
    return extension(name) in MEDIA_EXTENSIONS | PLAYLIST_EXTENSIONS


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file or an object to look into; an object's identity has its URL for a path."""

    root: bytes
    relative: bytes
    identity: FileIdentity

    @property
    def claims_media(self) -> bool:
        """Whether its extension says photo or video, or a list of them."""
        return claims_media(self.relative)


@dataclass(frozen=True, slots=True)
class Refused:
    """A path that could not be walked or read."""

    root: bytes
    relative: bytes
    problem: Problem


@dataclass(frozen=True, slots=True)
class Passed:
    """A path that is no file at all (a socket, a device) and does not claim to be media: passed over and counted."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """What comes next is not known yet: ask again in a moment."""


NOT_YET = NotYet()
Discovery = Found | Refused | Passed | NotYet


@dataclass(frozen=True, slots=True)
class Filters:
    """Globs that a file must match (`include`, any of them) and must not (`exclude`).

    A glob without a slash is held against the name, one with a slash against the path below the folder given.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    """Whether links are followed that lead out of all that was named."""

    def admits(self, relative: bytes) -> bool:
        """Whether a file of this relative path is wanted."""
        wanted = not self.include or any(_matches(glob, relative) for glob in self.include)
        return wanted and not any(_matches(glob, relative) for glob in self.exclude)


class Walk(Protocol):
    """A walk over places of one kind, each file once."""

    def start(self, path: bytes) -> Generator[Discovery]:
        """Everything at or below what a person named."""

    def entry(self, root: bytes, relative: bytes) -> Generator[Discovery]:
        """One file or folder below a root."""


def discover(paths: Sequence[bytes], filters: Filters, elsewhere: Walk | None = None) -> Generator[Discovery]:
    """Every file below `paths` (absolute), each once: depth first, names in byte order, hidden ones left out.

    URLs are walked by `elsewhere`.
    """
    here = FolderWalk(filters, paths)
    for path in paths:
        yield from (elsewhere if elsewhere and is_url(path) else here).start(path)


def revisit(
    places: Sequence[tuple[bytes, bytes]], paths: Sequence[bytes], filters: Filters, elsewhere: Walk | None = None
) -> Generator[Discovery]:
    """The same for certain files and folders of an earlier walk over `paths`, each a root and a path below it."""
    here = FolderWalk(filters, paths)
    for root, relative in places:
        yield from (elsewhere if elsewhere and is_url(root) else here).entry(root, relative)


class FolderWalk:
    """One walk over all paths: folders are entered once, so links that lead back end the walk, not the program.

    A file that is named and also lies in a folder that is named counts once. A link that leads out of everything named
    is not followed unless that is asked for: a folder from elsewhere shall not choose what of ours is opened.
    """

    def __init__(self, filters: Filters, named: Sequence[bytes]) -> None:
        self._filters = filters
        self._named = frozenset(named)
        self._homes = tuple(os.path.realpath(path) for path in named if not is_url(path))
        self._entered: set[tuple[int, int]] = set()
        self._met: set[bytes] = set()

    def start(self, path: bytes) -> Generator[Discovery]:
        """Everything at or below what a person named."""
        root, name = os.path.split(path)
        try:
            status = os.stat(path)  # noqa: PTH116  names are bytes
        except OSError as error:
            yield Refused(root, name, _refusal(error))
            return
        if not stat.S_ISDIR(status.st_mode):
            if self._filters.admits(name):
                yield from self._file(root, name, path, status)
            return
        yield from self._folder(path, b"", status)

    def _file(self, root: bytes, relative: bytes, path: bytes, status: os.stat_result) -> Generator[Discovery]:
        if path not in self._met:
            self._met.add(path)
            yield _found(root, relative, path, status)

    def _folder(self, root: bytes, below: bytes, status: os.stat_result) -> Generator[Discovery]:
        key = (status.st_dev, status.st_ino)
        if key in self._entered:
            return
        self._entered.add(key)
        try:
            names = sorted(os.listdir(_join(root, below)))  # noqa: PTH208  names are bytes
        except OSError as error:
            yield Refused(root, below, _refusal(error))
            return
        for name in names:
            if not name.startswith(b"."):
                yield from self.entry(root, _join(below, name))

    def entry(self, root: bytes, relative: bytes) -> Generator[Discovery]:
        """One file or folder below a root."""
        path = _join(root, relative)
        try:
            status = os.lstat(path)  # names are bytes
            if stat.S_ISLNK(status.st_mode):
                status = os.stat(path)  # noqa: PTH116  the same
                if self._leads_out(path):
                    if self._filters.admits(relative):
                        yield Refused(root, relative, LINK_OUTSIDE)
                    return
        except OSError as error:
            if self._filters.admits(relative):
                yield Refused(root, relative, _refusal(error))
            return
        if stat.S_ISDIR(status.st_mode):
            yield from self._folder(root, relative, status)
        elif self._filters.admits(relative):
            yield from self._file(root, relative, path, status)

    def _leads_out(self, link: bytes) -> bool:
        """Whether a link that nobody named leads out of all that was named."""
        if self._filters.follow_links or link in self._named:
            return False
        real = os.path.realpath(link)
        return not any(real == home or real.startswith(home.rstrip(b"/") + b"/") for home in self._homes)


def show(name: bytes) -> str:
    """A name for people: bytes that are not UTF-8 are escaped, everything else stays as it is."""
    return name.decode("utf-8", "backslashreplace")


def _found(root: bytes, relative: bytes, path: bytes, status: os.stat_result) -> Discovery:
    if stat.S_ISREG(status.st_mode):
        return Found(root, relative, identify(path, status))
    return Refused(root, relative, NO_FILE) if claims_media(relative) else Passed()


def _join(folder: bytes, name: bytes) -> bytes:
    return os.path.join(folder, name) if name else folder  # noqa: PTH118  names are bytes


def _matches(glob: str, relative: bytes) -> bool:
    subject = os.fsdecode(relative)
    if "/" not in glob:
        subject = os.path.basename(subject)  # noqa: PTH119  a name, not a file of ours
    return re.fullmatch(fnmatch.translate(glob), subject) is not None


LINK_OUTSIDE = Problem(
    "path.link_outside",
    "it is a link that leads out of the folder, and such links are not followed",
    "name what it leads to, or give `--follow-links` where you trust the folder",
)
NO_FILE = Problem("path.not_a_file", "it is no file but a pipe, a socket or a device", "remove or exclude it")


def _refusal(error: OSError) -> Problem:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Problem("path.not_found", "there is no such file or folder", "check the path")
    if error.errno in (errno.EACCES, errno.EPERM):
        return Problem(
            "path.unreadable", "we are not allowed to read it", "change its permissions, then `moodreel retry`"
        )
    if error.errno == errno.ELOOP:
        return Problem("path.link_loop", "it is a link that leads back to itself", "remove the link")
    return Problem("path.unreadable", f"the system says: {error.strerror}", "mend it, then `moodreel retry`")
