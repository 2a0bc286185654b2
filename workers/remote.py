"""Object stores, by fsspec: what lies at a URL, and its bytes. Only this module knows fsspec and its exceptions.

Credentials and endpoints come from the environment and the files that each store's own library reads. Every foreign
exception leaves here as a RemoteError; whether it may pass is told by its problem.
"""

import datetime
import errno
import hashlib
import importlib.util
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from db.records import FileIdentity, Problem
from workers.errors import SettingsError, WorkError
from workers.hashing import CHANGED, OTHER
from workers.urls import PROTOCOLS, check_url, is_plain_key, protocol_of

READ_BYTES = 8 << 20
"""Read at a time: one request each, tried again by the library when it breaks."""
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "generation", "version_id", "checksum")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


class RemoteError(WorkError):
    """A store did not give what was asked of it."""


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """One object, as its store describes it now."""

    url: bytes
    size: int
    version: str
    """Changes whenever the content does; empty where the store tells nothing of the kind."""
    mtime_ns: int
    """0 where the store tells no time."""

    @property
    def identity(self) -> FileIdentity:
        """What tells whether it has changed, in the form of a file's: a version stands where an inode would."""
        seed = self.version.encode() or os.urandom(16)  # of an unknown version nothing is taken for the same
        inode = int.from_bytes(hashlib.sha256(seed).digest()[:7], "big")
        return FileIdentity(self.url, 0, inode, self.size, self.mtime_ns)

    def is_still(self, listed: FileIdentity) -> bool:
        """Whether it is what it was when it was listed, as far as its store tells."""
        return self.size == listed.size and (not self.version or self.identity.inode == listed.inode)


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A prefix that objects share, as far as a slash."""

    url: bytes


@dataclass(frozen=True, slots=True)
class RemoteOddity:
    """A name that is never opened: on another machine, or at another store, it could mean something else."""

    url: bytes
    problem: Problem


Entry = RemoteObject | RemoteFolder | RemoteOddity


def require_package(url: bytes) -> None:
    """Say now, not once an object, that the package for a checked URL is missing. Raises SettingsError."""
    protocol = protocol_of(url)
    if importlib.util.find_spec(PROTOCOLS[protocol].package) is None:
        problem = _package_missing(protocol)
        raise SettingsError(problem.reason, problem.hint)


class Remote:
    """The stores that one process speaks with; any thread may ask. URLs are those that `check_url` gives."""

    def __init__(self) -> None:
        self._systems: dict[str, Any] = {}
        self._lock = Lock()

    def look(self, url: bytes) -> Entry:
        """What lies at a URL. Raises RemoteError."""
        with _translated(url):
            return _entry(url, self._system(url).info(_path(url)))

    def inside(self, folder: bytes) -> list[Entry]:
        """What lies right below a URL, in byte order of the names. Raises RemoteError."""
        path = _path(folder)
        with _translated(folder):
            listing = self._system(folder).ls(path, detail=True)
        # The empty object that some tools leave to mark a folder is the folder itself.
        infos = [info for info in listing if str(info["name"]).rstrip("/") != path or info["type"] != "file"]
        return sorted((_below(folder, path, info) for info in infos), key=lambda entry: entry.url)

    def read(self, url: bytes, fits: Callable[[RemoteObject], bool]) -> Iterator[bytes]:
        """An object's bytes, in pieces. Raises RemoteError, also where it does not fit or changes meanwhile."""
        with _translated(url):
            stream = self._system(url).open(_path(url), "rb", block_size=READ_BYTES, cache_type="none")
        with stream:
            with _translated(url):
                now = _entry(url, stream.details)
            if not (isinstance(now, RemoteObject) and fits(now)):
                raise RemoteError(OTHER.code, OTHER.reason, OTHER.hint)
            while True:
                with _translated(url):
                    piece = stream.read(READ_BYTES)
                if not piece:
                    return
                yield piece

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            self._systems.clear()

    def _system(self, url: bytes) -> Any:
        import fsspec

        protocol = protocol_of(check_url(url))
        with self._lock:
            if protocol not in self._systems:
                # Listings are never taken from memory: what changes between two looks is what we look for.
                self._systems[protocol] = fsspec.filesystem(
                    protocol, skip_instance_cache=True, use_listings_cache=False
                )
            return self._systems[protocol]


def _path(url: bytes) -> str:
    return url.decode().partition("://")[2]


def _below(folder: bytes, path: str, info: Mapping[str, Any]) -> Entry:
    name = str(info["name"])
    rest = name.removeprefix(path + "/")
    url = folder + b"/" + rest.encode("utf-8", "surrogateescape")
    if rest == name or "/" in rest or not is_plain_key(rest):
        return RemoteOddity(url, ODD_NAME)
    return _entry(url, info)


def _entry(url: bytes, info: Mapping[str, Any]) -> Entry:
    if info["type"] != "file":
        return RemoteFolder(url)
    version = next((str(info[key]).strip('"') for key in _VERSIONS if info.get(key)), "")
    return RemoteObject(url, int(info["size"] or 0), version, _nanoseconds(info))


def _nanoseconds(info: Mapping[str, Any]) -> int:
    told = next((info[key] for key in _TIMES if info.get(key)), None)
    if isinstance(told, str):
        told = datetime.datetime.fromisoformat(told)
    seconds = told.timestamp() if isinstance(told, datetime.datetime) else told
    # Whole seconds: some stores list with more digits than they tell of one object.
    return int(seconds) * 10**9 if isinstance(seconds, int | float) else 0


ODD_NAME = Problem(
    "remote.odd_name",
    "its key has an empty part, `.`, `..` or a version in it, so it could mean another object elsewhere",
    "copy it to a plain name, then `moodreel retry`",
)


def _package_missing(protocol: str) -> Problem:
    package, install = PROTOCOLS[protocol].package, PROTOCOLS[protocol].install
    return Problem("remote.package_missing", f"{protocol}:// needs the package {package}", install, permanent=False)


_DENIED = (
    "botocore.exceptions.NoCredentialsError",
    "botocore.exceptions.PartialCredentialsError",
    "botocore.exceptions.CredentialRetrievalError",
    "botocore.exceptions.SSOError",
    "google.auth.exceptions.GoogleAuthError",
    "azure.core.exceptions.ClientAuthenticationError",
)
_PASSING = (
    "botocore.exceptions.HTTPClientError",
    "botocore.exceptions.ConnectionError",
    "aiohttp.client_exceptions.ClientError",
    "azure.core.exceptions.AzureError",
    "gcsfs.retry.HttpError",
)
_FOR_GOOD = frozenset((errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.ENAMETOOLONG, errno.EMSGSIZE))


@contextmanager
def _translated(url: bytes) -> Iterator[None]:
    try:
        yield
    except (RemoteError, SettingsError):
        raise
    except Exception as error:
        problem = _in_words(url, error)
        raise RemoteError(problem.code, problem.reason, problem.hint, permanent=problem.permanent) from error


def _in_words(url: bytes, error: Exception) -> Problem:
    if isinstance(error, ImportError):
        return _package_missing(protocol_of(url))
    if _is_a(error, ("s3fs.utils.FileExpired",)):
        return CHANGED
    if isinstance(error, FileNotFoundError):
        return Problem("remote.not_found", "there is no such object or folder", "put it back, then `moodreel retry`")
    if isinstance(error, PermissionError) or _is_a(error, _DENIED):
        return Problem(
            "remote.denied",
            f"the store does not let us read it: {_said(error)}",
            "check the credentials in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, ...), then `moodreel retry`",
            permanent=False,
        )
    if _is_a(error, _PASSING) or (isinstance(error, OSError) and error.errno not in _FOR_GOOD):
        return Problem(
            "remote.unreachable",
            f"the store cannot be reached: {_said(error)}",
            "check the network and AWS_ENDPOINT_URL if it is set, then `moodreel retry`",
            permanent=False,
        )
    return Problem(
        "remote.refused",
        f"the store refuses what we ask: {_said(error)}",
        "check the URL and the region or endpoint (AWS_REGION, AWS_ENDPOINT_URL), then `moodreel retry`",
    )


def _is_a(error: Exception, names: tuple[str, ...]) -> bool:
    """Whether it is of one of these classes, without importing what may not be installed."""
    return any(f"{one.__module__}.{one.__qualname__}" in names for one in type(error).__mro__)


def _said(error: Exception) -> str:
    """The first words of a foreign message, without a password that an endpoint's URL may hold."""
    first = (str(error).splitlines() or [""])[0][:200]
    return re.sub(r"//[^/@\s]+@", "//***@", first) or type(error).__name__
