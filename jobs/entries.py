"""What becomes of a path in a job: an entry to be admitted, or why it cannot be read."""

from db.records import JobFile, Problem
from jobs.discover import PLAYLIST_EXTENSIONS, Found, extension, show

NOTHING_FOUND = Problem(
    "path.empty",
    "there is nothing to analyse here: no photo and no video",
    "check the path, and --include and --exclude if you gave any; hidden files are left out",
)
EMPTY = Problem("media.empty", "the file has no content", "copy or record it again")


PLAYLIST = Problem(
    "media.playlist",
    "it is a list of media, and nothing that a file names is opened",
    "name the files that it lists; leave lists out by --exclude",
)


def not_media(found: Found) -> Problem:
    """It claims to be media and is none."""
    ending = extension(found.relative)
    if ending in PLAYLIST_EXTENSIONS:
        return PLAYLIST
    return Problem(
        "media.not_media",
        f"its name ends in {show(ending)}, but its content is no photo or video that we read",
        "open it in a player or viewer to see what it is; convert it to MP4 or JPEG, or exclude it",
    )


def job_file_of(
    root: bytes,
    relative: bytes,
    *,
    found: Found | None = None,
    tags: dict[str, str] | None = None,
    problem: Problem | None = None,
) -> JobFile:
    """A path as it is admitted to a job; media and segments are added where they are known."""
    identity = None if found is None else found.identity
    return JobFile(
        root=root,
        relative=relative,
        path=show(relative) or show(root),
        size=0 if identity is None else identity.size,
        mtime_ns=0 if identity is None else identity.mtime_ns,
        tags=tags or {},
        problem=problem,
    )
