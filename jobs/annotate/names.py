"""What drawn files are called: like their recordings, in folders like theirs, each name once. Pure."""

import hashlib
import os
from collections.abc import Sequence

from db.report import ReportFile

SHEET = b".sheet.jpg"
LONGEST_BYTES = 200
"""Of one part of a path: file systems take 255, and endings come after."""
_KEPT = {"mp4": (b".mp4",), "png": (b".png",), "jpg": (b".jpg", b".jpeg", b".jpe")}


def names_of(files: Sequence[ReportFile]) -> list[bytes]:
    """A relative path for each file of a job, always the same ones for the same job.

    `a/clip.mp4` stays what it is, `a/clip.mov` becomes `a/clip.mov.mp4`. Where a job has several roots each is a
    folder. No part leads upwards, and none differs from another by the case of its letters alone.
    """
    folders = _folders(sorted({file.root for file in files}))
    taken: set[str] = set()
    return [_free(_name(file, folders[file.root]), taken) for file in files]


def _folders(roots: Sequence[bytes]) -> dict[bytes, bytes]:
    """By root, the folder that its files go to: none where there is only one."""
    if len(roots) < 2:
        return dict.fromkeys(roots, b"")
    taken: set[str] = set()
    return {root: _free(_part(root.rstrip(b"/").rpartition(b"/")[2]), taken) for root in roots}


def _name(file: ReportFile, folder: bytes) -> bytes:
    relative = file.relative or file.root.rpartition(b"/")[2]
    parts = [_part(part) for part in (*folder.split(b"/"), *relative.split(b"/")) if part] or [b"_"]
    parts[-1] = _with_ending(parts[-1], file)
    return b"/".join(parts)


def _part(part: bytes) -> bytes:
    """One part of a path that is none to go up by, and not too long."""
    if not part.strip(b"."):
        return b"_"
    if len(part) <= LONGEST_BYTES:
        return part
    stem, ending = os.path.splitext(part)  # noqa: PTH122  names are bytes
    digest = hashlib.sha256(part).hexdigest()[:8].encode()
    kept = stem[: LONGEST_BYTES - 30].decode("utf-8", "ignore").encode()
    return kept + b"~" + digest + ending[:20]


def _with_ending(name: bytes, file: ReportFile) -> bytes:
    """With the ending of what is drawn, after its own where that is another."""
    media = file.media
    if media is None:
        return name
    form = "mp4" if media.kind == "video" else "png" if media.codec == "png" else "jpg"
    return name if name.lower().endswith(_KEPT[form]) else name + b"." + form.encode()


def _free(name: bytes, taken: set[str]) -> bytes:
    """The name, or with a number before its ending where it, or that of its contact sheet, is taken."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122  names are bytes
    number, free = 1, name
    while not taken.isdisjoint(_claims(free)):
        number += 1
        free = stem + b"~%d" % number + ending
    taken.update(_claims(free))
    return free


def _claims(name: bytes) -> tuple[str, str]:
    """The names that belong to one recording, alike where a file system takes them for alike."""
    folded = os.fsdecode(name).casefold()
    return folded, folded + os.fsdecode(SHEET)
