"""How long a service asks to wait, in every form it may say so: retry-after-ms, x-ms-retry-after-ms, Retry-After in
seconds or as a date (RFC 9110, 10.2.3), or only in the words of its message.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 120.0
"""A service that asks for more is asked again after this: some name times that are not so."""
_WORDS = re.compile(r"(?:retry|try again) (?:after|in) (\d{1,9}(?:\.\d{1,9})?) ?(milli)?second", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,12})?")


def retry_after_s(headers: Mapping[str, str], message: str, now: datetime) -> float | None:
    """Seconds to wait, 0 to LONGEST_S; None where the answer says nothing that can be understood.

    `headers` have names in small letters. A date is held against the answer's own `date`, so that a clock that is wrong
    here does no harm, and against `now` where it has none.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        wait_s = _number(headers.get(name, ""))
        if wait_s is not None:
            return _bounded(wait_s * unit_s)
    until = _date(headers.get("retry-after", ""))
    if until is not None:
        return _bounded((until - (_date(headers.get("date", "")) or now)).total_seconds())
    words = _WORDS.search(message)
    return None if words is None else _bounded(float(words[1]) * (0.001 if words[2] else 1.0))


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):  # whatever its parser meets in a stranger's text
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _bounded(wait_s: float) -> float:
    return min(max(wait_s, 0.0), LONGEST_S) if math.isfinite(wait_s) else LONGEST_S
