"""What can go wrong with media and models, as one tree. Every class names its code, as `problems` shows it.

WorkError                 anything below; `permanent` says whether a retry can help
├─ MediaError             the file is at fault
└─ ModelError             a model is missing, damaged or does not fit
Each is turned into a `db.records.Problem` where a child answers its parent.

SettingsError             a setting cannot be what was meant; nothing is started
MachineFault              this machine cannot work at the moment, whatever the file; others may
"""

from db.records import Problem

MODEL_FAULTS = frozenset(("model.device", "model.missing", "model.damaged"))
"""Problems of the machine, whatever the file: nothing would be learnt by failing one file after the other."""


class WorkError(Exception):
    """An error for people: a stable `code`, what happened, and `hint`, the next thing to do."""

    def __init__(self, code: str, reason: str, hint: str, *, permanent: bool = True) -> None:
        super().__init__(f"{code}: {reason}")
        self.problem = Problem(code, reason, hint, permanent)


class MediaError(WorkError):
    """The file cannot be read, or not as what it claims to be."""


class ModelError(WorkError):
    """A model file is missing, damaged or does not fit its contract."""


class SettingsError(Exception):
    """A setting cannot be what was meant: `hint` says where it is set."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class MachineFault(Exception):
    """This machine cannot work, whatever the file. The text says why, with a hint."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason} (hint: {hint})")
        self.reason = reason
        self.hint = hint
