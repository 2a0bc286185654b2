"""What people type, turned into exact values: durations, rates, tags. Pure functions; errors say what would do."""

import re
from collections.abc import Iterable
from fractions import Fraction

from jobs.errors import UsageError
from workers.analysis import Sampling, SamplingMode

_UNITS = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "min": Fraction(60), "h": Fraction(3600)}
_NUMBER = r"\d+(?:\.\d+)?(?:/\d+)?|\.\d+"
_DURATION = re.compile(rf"({_NUMBER})\s*({'|'.join(sorted(_UNITS, key=len, reverse=True))})?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)", re.ASCII)
LONGEST_TEXT = 64
"""Characters: no duration or rate needs more, and Python reads no number of thousands of digits."""
LONGEST_S = 10 * 366 * 24 * 3600
SHORTEST_S = Fraction(1, 1_000_000)
"""Between two sampled frames; results give times to the microsecond."""
_EVERY_FRAME = "write --every-frame for every frame"
_HINT = "write it like 1s, 500ms, 0.2, 1/30, 2m, 1h30m or 1:02:03.5"


def parse_duration(text: str) -> Fraction:
    """Seconds, exactly: `1s`, `500ms`, `0.2`, `1/30`, `2m`, `1h30m`, `1:02:03.5`. A bare number is seconds.

    Raises UsageError for anything else, and for more than ten years.
    """
    seconds = _seconds(_short(text, "duration", _HINT).lower(), text)
    if seconds > LONGEST_S:
        raise UsageError(f"{text!r} is longer than ten years", _HINT)
    return seconds


def _short(text: str, what: str, hint: str) -> str:
    clean = text.strip()
    if len(clean) > LONGEST_TEXT:
        raise UsageError(f"{clean[:20] + '...'!r} ({len(clean):,} characters) is not a {what}", hint)
    return clean


def _seconds(clean: str, text: str) -> Fraction:
    clock = _CLOCK.fullmatch(clean)
    if clock:
        hours, minutes, seconds = clock.groups(default="0")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    parts = list(_DURATION.finditer(clean))
    if not parts or "".join(part[0] for part in parts) != clean or (len(parts) > 1 and not all(p[2] for p in parts)):
        raise UsageError(f"{text!r} is not a duration", _HINT)
    return sum((_number(part[1], text) * _UNITS[part[2] or "s"] for part in parts), Fraction(0))


def parse_interval(text: str) -> Fraction:
    """A duration above zero, as `--every` takes it."""
    interval = parse_duration(text)
    if interval <= 0:
        raise UsageError("--every 0 would sample nothing", _EVERY_FRAME)
    if interval < SHORTEST_S:
        raise UsageError(f"--every {text} is shorter than a microsecond", _EVERY_FRAME)
    return interval


def parse_fps(text: str) -> Fraction:
    """Frames per second, as `--fps` takes it (`5`, `2.5`, `30000/1001`), as the interval between them in seconds."""
    hint = "write it like 5, 2.5 or 30000/1001"
    clean = _short(text, "frame rate", hint)
    if not re.fullmatch(_NUMBER, clean, re.ASCII):
        raise UsageError(f"{text!r} is not a frame rate", hint)
    rate = _number(clean, text)
    if rate <= 0:
        raise UsageError("--fps 0 would sample nothing", _EVERY_FRAME)
    if not SHORTEST_S <= 1 / rate <= LONGEST_S:
        raise UsageError(f"--fps {text} is no rate of any video", f"{hint}; {_EVERY_FRAME}")
    return 1 / rate


def _number(text: str, whole: str) -> Fraction:
    top, _, bottom = text.partition("/")
    try:
        return Fraction(top) / Fraction(bottom or 1)
    except ZeroDivisionError:
        raise UsageError(f"{whole!r} divides by zero", _HINT) from None


def parse_sampling(
    every: str | None, fps: str | None, every_frame: bool, keyframes: bool, start: str | None, end: str | None
) -> Sampling:
    """The sampling that the options ask for; at most one of the first four may be given."""
    given = [name for name, value in _ways(every, fps, every_frame, keyframes) if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} contradict each other", "give one of them")
    start_s, end_s = (None if bound is None else parse_duration(bound) for bound in (start, end))
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise UsageError("--end does not lie behind --start", "both count from the beginning of each video")
    mode, interval_s = SamplingMode.INTERVAL, Fraction(1)
    if every_frame or keyframes:
        mode = SamplingMode.EVERY_FRAME if every_frame else SamplingMode.KEYFRAMES
    elif fps is not None:
        interval_s = parse_fps(fps)
    elif every is not None:
        interval_s = parse_interval(every)
    return Sampling(mode, interval_s, start_s, end_s)


def _ways(
    every: str | None, fps: str | None, every_frame: bool, keyframes: bool
) -> tuple[tuple[str, str | bool | None], ...]:
    return ("--every", every), ("--fps", fps), ("--every-frame", every_frame), ("--keyframes", keyframes)


def parse_tags(pairs: Iterable[str]) -> dict[str, str]:
    """`key=value` pairs of `--tag` as a mapping; the key is up to the first equals sign."""
    return _parse_pairs(pairs, "tag", "--tag condition=control")


def parse_parameters(pairs: Iterable[str]) -> dict[str, str]:
    """`name=value` pairs of `--param` as a mapping."""
    return _parse_pairs(pairs, "parameter", "--param path=interview.mp4")


def _parse_pairs(pairs: Iterable[str], what: str, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key:
            raise UsageError(f"{pair!r} is not a {what}", f"write it like {example}")
        if key in found:
            raise UsageError(f"{what} {key!r} is given twice", f"give each {what} one value")
        found[key] = value
    return found
