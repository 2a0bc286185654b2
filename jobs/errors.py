"""What can go wrong before or around a job, and the exit code each kind of end has.

JobError                  anything below, in words for people, with a hint
└─ UsageError             a path, option, setting or manifest that cannot be what was meant
Errors of the database (`db.errors`) and of models (`workers.errors`) pass through unchanged.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended, for scripts."""

    OK = 0
    SOME_FAILED = 1
    """It finished, but some files could not be analysed: `SELECT * FROM problems` lists them."""
    USAGE = 2
    UNAVAILABLE = 3
    """A database or service cannot be reached or written now; nothing is lost, try again."""
    INTERRUPTED = 130
    """Stopped on request; `resume` continues."""


class JobError(Exception):
    """Something that a person can mend: `hint` says how."""

    exit_code = ExitCode.SOME_FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(JobError):
    """What was asked cannot be what was meant."""

    exit_code = ExitCode.USAGE
