"""Why a supervised child is gone, as one tree, and the words for it.

ChildFailure            the child is gone, and why
├─ ChildCrashed         it died by itself (a signal, the system's memory killer, an exit), or talked nonsense
├─ ChildHung            it passed its deadline and was killed
├─ ChildOverMemory      it outgrew its limit and was killed
└─ ChildStopped         we were told to stop and killed it; nobody is to blame
ChildCannotStart        a new child never got ready: nothing will work until that is mended
"""

import signal

from db.records import Problem
from workers.limits import ChildLimits

REPORT_HINT = "please report it with the file's format and `moodreel doctor`"


class ChildFailure(Exception):
    """The child is gone. `problem` says why, for the item it had in hand."""

    def __init__(self, code: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.problem = Problem(code, reason, hint, permanent=False)


class ChildCrashed(ChildFailure):
    """It died by itself, or had to be ended because it broke the protocol."""


class ChildHung(ChildFailure):
    """It passed its deadline."""


class ChildOverMemory(ChildFailure):
    """It outgrew its limit."""


class ChildStopped(ChildFailure):
    """It was killed because we are stopping."""


class ChildCannotStart(Exception):
    """A new child never got ready; its last words are in the message. `passing`: another try may go better."""

    def __init__(self, reason: str, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing


def crashed(code: int, last_line: str) -> ChildCrashed:
    """A child that ended with `code`, as `subprocess` counts them: negative for a signal."""
    if code == -signal.SIGKILL:
        return ChildCrashed(
            "child.killed",
            "the system killed the child that analysed it, most likely for want of memory",
            "run fewer workers at a time (`--workers`), or give the machine more memory, and `moodreel retry`",
        )
    tail = f": {last_line}" if last_line else ""
    return ChildCrashed("child.crashed", f"analysing it ended its child by {how_it_ended(code)}{tail}", REPORT_HINT)


def how_it_ended(code: int) -> str:
    """`signal SIGSEGV`, `exit status 3`."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"  # real-time signals have no names


def talked_nonsense(what: str) -> ChildCrashed:
    """A child that said what none may say."""
    return ChildCrashed("child.protocol", f"the child sent nonsense: {what}", REPORT_HINT)


def hung(silent: bool) -> ChildHung:
    """A child out of time: `silent` when one call into a library did not come back."""
    what = "a library stopped responding over it" if silent else "analysing it did not end within its deadline"
    return ChildHung("child.timeout", what, "raise MOODREEL_CHILD_TIMEOUT_S, or exclude the file, and `moodreel retry`")


def over_memory(limits: ChildLimits) -> ChildOverMemory:
    """A child above its limit."""
    return ChildOverMemory(
        "child.memory",
        f"analysing it took more than {limits.memory_mb} MB",
        "raise MOODREEL_CHILD_MEMORY_MB, or exclude the file, and `moodreel retry`",
    )


def stopped() -> ChildStopped:
    """A child that we ended for no fault of its own."""
    return ChildStopped("child.stopped", "the run was stopped", "`moodreel resume` continues it")
