"""What a disk or a stream refuses, as errors of ours."""

import errno
from pathlib import Path

from db.files import trouble_with
from jobs.errors import ExitCode, JobError, UsageError


class DiskTrouble(JobError):
    """The disk is full, or fails: another time it may work."""

    exit_code = ExitCode.UNAVAILABLE


def refusal(path: Path, error: OSError) -> JobError:
    """What the system says of `path`: DiskTrouble, or UsageError where another name would do."""
    trouble = trouble_with(path, error)
    return (DiskTrouble if trouble.passing else UsageError)(trouble.message, trouble.hint)


def refusal_of_stdout(error: OSError) -> JobError:
    """What keeps stdout from being written."""
    if error.errno == errno.EBADF:
        return UsageError("stdout is closed: the output is lost", "leave it open, or send it to a file (> FILE)")
    return refusal(Path("stdout"), error)
