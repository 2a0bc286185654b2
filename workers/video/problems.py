"""Everything that can be wrong with a media file, in one place: code, reason and remedy of each."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.error

from db.records import MediaKind
from workers.errors import MediaError

MAX_PHOTO_PIXELS = 100_000_000
"""300 MB as BGR: what a child can hold with room for the copy that turns it."""
MAX_VIDEO_PIXELS = 8192 * 4608
"""8K and a little: above it no camera records."""

_END_BYTES = 1 << 20
_CONVERT = "convert it first, for example: ffmpeg -i IN -c:v libx264 OUT.mp4"


def empty() -> MediaError:
    """No bytes at all."""
    return MediaError("media.empty", "the file has no content", "copy or record it again")


def unsupported_container(name: str, kind: MediaKind) -> MediaError:
    """Media, but in a container that we do not open."""
    remedy = _CONVERT if kind == "video" else "save it as PNG or JPEG first"
    return MediaError("media.unsupported_container", f"it is {name.upper()} media, which we do not read", remedy)


def unsupported_codec(name: str) -> MediaError:
    """A video stream that we do not decode."""
    return MediaError("media.unsupported_codec", f"its pictures are coded as {name}, which we do not read", _CONVERT)


def no_video(audio: bool) -> MediaError:
    """A container without pictures that move."""
    if audio:
        return MediaError("media.audio_only", "it holds sound but no video", "exclude it with --exclude")
    return MediaError("media.no_video_stream", "it holds no video stream", "exclude it with --exclude")


def missing_moov() -> MediaError:
    """An MP4 whose index was never written."""
    return MediaError(
        "media.missing_moov",
        "its index (the moov atom) is missing: the recording was cut off before it was written",
        "repair it with a tool that rebuilds the index (untrunc, with a good file of the same camera)",
    )


def too_large(width: int, height: int, limit: int) -> MediaError:
    """More pixels than we are ready to hold."""
    return MediaError(
        "media.too_large",
        f"its pictures are {width} x {height} pixels, above the limit of {limit // 1_000_000} megapixels",
        "scale it down first",
    )


def corrupt(why: str) -> MediaError:
    """Bytes that do not make sense."""
    return MediaError("media.corrupt", f"its content is damaged: {why}", "copy or export it again from its source")


def truncated(why: str) -> MediaError:
    """It ends too early."""
    return MediaError("media.truncated", f"the file is cut short: {why}", "copy it again from its source")


def no_frames() -> MediaError:
    """A video stream without one readable picture."""
    return corrupt("not one of its frames can be read")


def unsteady() -> MediaError:
    """Its packets are not those that it was planned by."""
    return MediaError(
        "media.unsteady",
        "it reads differently each time: the packets of this stretch are not those that were seen first",
        "copy it again from its source; convert it if that does not help: ffmpeg -i IN -c copy OUT.mkv",
    )


@contextmanager
def translated(path: bytes) -> Iterator[None]:
    """Turn PyAV's and the system's exceptions over a file into MediaError."""
    try:
        yield
    except av.error.InvalidDataError as error:
        raise corrupt(_said(error)) from error
    except av.error.MemoryError as error:
        raise MemoryError from error
    except av.error.PatchWelcomeError as error:
        raise unsupported_codec(_said(error)) from error
    except OSError as error:
        # Some demuxers call the end of a file an error of its disk.
        if error.errno == errno.EIO and isinstance(error, av.error.FFmpegError) and _ends_can_be_read(path):
            raise truncated("it ends in the middle of its structure") from error
        raise corrupt(LEADS_NOWHERE) if is_senseless(error) else unreadable(error) from error
    except (av.error.FFmpegError, ValueError) as error:
        raise corrupt(_said(error)) from error


LEADS_NOWHERE = "it points to a place that no file has"


def is_senseless(error: OSError) -> bool:
    """Whether the system was asked for something that no file has, as only the file's own numbers can ask."""
    return error.errno in (errno.EINVAL, errno.EOVERFLOW)


def unreadable(error: OSError) -> MediaError:
    """The system refused."""
    if isinstance(error, FileNotFoundError):
        return MediaError("media.vanished", "the file is gone", "put it back, then `moodreel retry`")
    return MediaError(
        "media.unreadable",
        f"the system will not let us read it: {error.strerror or error}",
        "change its permissions or its disk, then `moodreel retry`",
        permanent=isinstance(error, PermissionError),  # a disk or a share may do better the next time
    )


def _ends_can_be_read(path: bytes) -> bool:
    """Whether the system gives us the first and the last of a file."""
    try:
        with Path(os.fsdecode(path)).open("rb") as stream:
            stream.read(_END_BYTES)
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _END_BYTES))
            stream.read(_END_BYTES)
    except OSError:
        return False
    return True


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
