"""What `doctor` finds, as values."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing is broken."""
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    what: str
    verdict: Verdict
    found: str
    hint: str = ""
