"""Which URLs may name media, and how their parts are put together. Pure: nothing is opened here.

A URL is a protocol, a bucket and a key of parts between slashes. Chained URLs (`zip::`, `simplecache::`), those that
reach this machine's own files, and those that carry a password are refused. Keys are taken literally: `%2e` is no dot.
"""

import re
from dataclasses import dataclass

from workers.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Protocol:
    """A store that media may lie in: the package that speaks with it, and how to install that."""

    package: str
    install: str


_S3 = Protocol("s3fs", "pip install 'moodreel[s3]'")
_GOOGLE = Protocol("gcsfs", "pip install gcsfs")
_AZURE = Protocol("adlfs", "pip install adlfs")
PROTOCOLS = {"s3": _S3, "gs": _GOOGLE, "gcs": _GOOGLE, "az": _AZURE, "abfs": _AZURE}
"""Object stores only: there a name means one object, and no server leads us elsewhere."""

_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*(::[A-Za-z][A-Za-z0-9+.-]*)*://")
_BUCKET = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_FORM = "write it like s3://bucket/folder"


def is_url(path: bytes) -> bool:
    """Whether a path as a person gives it is meant as a URL; ours begin with a protocol, never with a slash."""
    return _URL.match(path) is not None


def check_url(url: bytes) -> bytes:
    """The URL in the form we store: no slash at its end, its protocol in small letters.

    Raises SettingsError where it is none that media may lie at. A password in it is never repeated.
    """
    protocol, _, rest = url.partition(b"://")
    name = protocol.decode("ascii", "replace").lower()
    if "::" in name:
        raise SettingsError(f"{name}:// is a chain of URLs, which is not followed", _FORM)
    if name in ("file", "local"):
        raise SettingsError(f"{name}:// names a file of this machine", "give its path instead")
    if name not in PROTOCOLS:
        raise SettingsError(
            f"{name}:// is no place that media are read from",
            f"those known are {', '.join(PROTOCOLS)}; a folder of that name is given as ./{name}:/",
        )
    bucket, _, key = _text(rest, name).rstrip("/").partition("/")
    if "@" in bucket:
        raise SettingsError(
            f"a {name}:// URL holds a name or password before its bucket",
            "leave it out: credentials are read from the environment, AWS_ACCESS_KEY_ID and the like",
        )
    if not _BUCKET.fullmatch(bucket):
        raise SettingsError(f"{name}://{bucket} names no bucket", _FORM)
    if key and not is_plain_key(key):
        raise SettingsError(f"{name}://{bucket}/{key} has an empty part, `.` or `..` in it", _FORM)
    return f"{name}://{bucket}/{key}".rstrip("/").encode()


def is_plain_key(key: str) -> bool:
    """Whether a key means one object, wherever it is mapped to: no empty part, no `.` or `..`, no version."""
    return not {"", ".", ".."}.intersection(key.split("/")) and "?versionId=" not in key and "\0" not in key


def join_url(url: bytes, below: bytes) -> bytes:
    """What lies at a relative path below a URL."""
    return url + b"/" + below if below else url


def split_url(url: bytes) -> tuple[bytes, bytes]:
    """Where a URL lies, and its name there; a whole bucket has no name."""
    at = url.rfind(b"/")
    return (url, b"") if url[:at].endswith(b"/") else (url[:at], url[at + 1 :])


def protocol_of(url: bytes) -> str:
    """The protocol of a URL that was checked."""
    return url.partition(b"://")[0].decode()


def _text(rest: bytes, name: str) -> str:
    try:
        return rest.decode()
    except UnicodeDecodeError:
        raise SettingsError(f"a {name}:// URL is no UTF-8 text", _FORM) from None
