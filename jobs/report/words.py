"""How a report puts numbers, and the sentence it opens with. Pure."""

import math
from collections.abc import Callable

from db.emotions import EMOTIONS
from jobs.cli.output import printable
from jobs.report.facts import Report
from jobs.words import numbered

MOST_NAMED = 3
_SPACE = "\N{NO-BREAK SPACE}"
LEAST_NAMED = 0.03
"""Emotions below this share of the faces are not in the opening sentence."""


def title_of(report: Report) -> str:
    """What the job is called."""
    return printable(report.job.name) if report.job.name else f"Job {report.job.id[-8:]}"


def clock(seconds: float) -> str:
    """0:07, 12:30, 1:02:03."""
    whole = round(max(0.0, seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(share: float) -> str:
    """A share of 0 to 1."""
    return f"<1{_SPACE}%" if 0 < share < 0.005 else f"{share * 100:.0f}{_SPACE}%"


def signed(value: float) -> str:
    """Valence, with a true minus, or no sign where it is nothing."""
    shown = f"{value:+.2f}"
    return "0.00" if shown.endswith("0.00") else shown.replace("-", "\N{MINUS SIGN}")


def interval(mean: float, half: float, shown: Callable[[float], str]) -> str:
    """A mean and half its band, where it has one: `54 % ± 6`."""
    if not math.isfinite(mean):
        return "\N{EN DASH}"
    if not math.isfinite(half):
        return shown(mean)
    return f"{shown(mean)} ± {half * 100:.0f}" if shown is percent else f"{shown(mean)} ± {half:.2f}"


def lead(report: Report) -> str:
    """What was found, in a sentence or two."""
    counts = report.counts
    what = f"{numbered(counts.files, 'file')} with {length(counts.media_s)} of video" if counts.media_s else ""
    seen = f"{what or numbered(counts.files, 'file')}: {numbered(counts.frames, 'frame')} looked at"
    if not counts.faces:
        return f"{seen}, no face found."
    named = _named(report)
    return f"{seen}, {numbered(counts.faces, 'face')} found." + (f" Faces show mostly {named}." if named else "")


def length(seconds: float) -> str:
    """A length in words: `16 h 40 min`, `1 min 5 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.0f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole // 60 % 60} min"


def _named(report: Report) -> str:
    """The emotions that dominate most faces, the most frequent first."""
    shares = {name: report.dominants.get(name, 0) / report.scored for name in EMOTIONS} if report.scored else {}
    top = sorted(shares, key=lambda name: -shares[name])[:MOST_NAMED]
    words = [f"{name} ({percent(shares[name])})" for name in top if shares[name] >= LEAST_NAMED]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
