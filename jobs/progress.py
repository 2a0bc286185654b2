"""What a run shows while it works: a live line on a terminal, plain lines elsewhere, JSON lines or nothing if asked.

Everything here goes to stderr; what a run leaves on stdout is its summary.
"""

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from db.call_records import Bill
from db.records import JobCounts
from jobs.pace import Pace, left_s
from jobs.words import numbered

if TYPE_CHECKING:
    from rich.progress import Progress as RichBar

PLAIN_EVERY_S = 10.0
JSON_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a run stands. `counts` are the job's, as last counted; the rest is of this run alone."""

    counts: JobCounts
    walking: bool
    frames: int
    """Sampled frames analysed by this run."""
    media_s: float
    """Seconds of video analysed by this run."""
    elapsed_s: float
    pace: Pace | None = None
    """How fast everybody together goes, where it is not this run that is looked at."""
    bill: Bill | None = None
    """Of the services that were called for the job; None where nobody was."""

    @classmethod
    def from_outside(cls, counts: JobCounts, pace: Pace | None, *, walking: bool, bill: Bill | None = None) -> Self:
        """What is seen of a job that others work on."""
        return cls(counts, walking, 0, 0.0, 0.0, pace, bill)

    @property
    def has_speed(self) -> bool:
        """Whether a speed can be told."""
        return self.pace is not None or self.elapsed_s > 0

    @property
    def frames_per_s(self) -> float:
        """Sampled frames a second."""
        if self.pace is not None:
            return self.pace.frames_per_s
        return self.frames / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def times_real(self) -> float:
        """Seconds of video a second."""
        if self.pace is not None:
            return self.pace.times_real
        return self.media_s / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds left at this speed; None while it cannot be told."""
        if self.pace is not None:
            return left_s(self.counts, self.pace, walking=self.walking)
        left = max(0, self.counts.targets - self.counts.frames)
        return left / self.frames_per_s if self.frames_per_s > 0 and not self.walking else None


class Progress(Protocol):
    """Shows snapshots and short notices."""

    def show(self, now: Snapshot) -> None:
        """Show where the run stands; called several times a second."""

    def say(self, notice: str) -> None:
        """Show one line that stays."""


class Silent:
    """Shows nothing."""

    def show(self, now: Snapshot) -> None:
        """Nothing."""

    def say(self, notice: str) -> None:
        """Nothing."""


class Plain:
    """A line now and then, for logs. Where nobody reads them any more, the work goes on without."""

    def __init__(self, stream: TextIO, every_s: float = PLAIN_EVERY_S) -> None:
        self._stream = stream
        self._every_s = every_s
        self._last = time.monotonic()

    def show(self, now: Snapshot) -> None:
        """A line if it is time for one."""
        if time.monotonic() - self._last >= self._every_s:
            self._last = time.monotonic()
            self.say(self._line(now))

    def say(self, notice: str) -> None:
        """One line."""
        with suppress(OSError):
            self._stream.write(notice + "\n")
            self._stream.flush()

    def _line(self, now: Snapshot) -> str:
        return f"{_files(now)}, {describe(now)}"


class JsonLines(Plain):
    """One JSON object a line, for programs."""

    def __init__(self, stream: TextIO, every_s: float = JSON_EVERY_S) -> None:
        super().__init__(stream, every_s)

    def say(self, notice: str) -> None:
        """A notice as an object."""
        super().say(notice if notice.startswith("{") else json.dumps({"event": "notice", "text": notice}))

    def _line(self, now: Snapshot) -> str:
        counts = now.counts
        return json.dumps(
            {
                "event": "progress",
                "files": counts.files,
                "files_done": counts.files_done,
                "files_failed": counts.files_failed,
                "discovering": now.walking,
                "frames": counts.frames,
                "frames_planned": counts.targets,
                "faces": counts.faces,
                "frames_per_s": round(now.frames_per_s, 2) if now.has_speed else None,
                "times_real_time": round(now.times_real, 2) if now.has_speed else None,
                "left_s": None if now.left_s is None else round(now.left_s, 1),
                "calls": None if now.bill is None else now.bill.calls,
                "calls_refused": None if now.bill is None else now.bill.throttled,
            }
        )


class Live:
    """A bar that redraws itself, on a terminal."""

    def __init__(self, bar: "RichBar") -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, facts="")

    def show(self, now: Snapshot) -> None:
        """Redraw."""
        counts = now.counts
        total = None if now.walking and not counts.targets else counts.targets
        done = counts.frames + max(0, counts.failed)
        self._bar.update(self._task, total=total, completed=done, description=_files(now), facts=describe(now))

    def say(self, notice: str) -> None:
        """One line above the bar."""
        self._bar.console.print(notice, markup=False, highlight=False)


@contextmanager
def progress(
    *, quiet: bool, as_json: bool, stream: TextIO | None = None, notices_only: bool = False
) -> Iterator[Progress]:
    """The progress that fits what was asked and where it goes."""
    stream = stream or sys.stderr
    if quiet or stream is None:  # a daemon has no stderr
        yield Silent()
    elif as_json:
        yield JsonLines(stream, math.inf if notices_only else JSON_EVERY_S)
    elif notices_only or not stream.isatty():
        yield Plain(stream, math.inf if notices_only else PLAIN_EVERY_S)
    else:
        with _bar(stream) as bar:
            yield Live(bar)


def _bar(stream: TextIO) -> "RichBar":
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichBar

    return RichBar(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[facts]}", markup=False),
        TimeElapsedColumn(),
        console=Console(file=stream),
        transient=True,
    )


def describe(now: Snapshot) -> str:
    """Frames, speed, calls, time left and failures of a snapshot, in words."""
    counts = now.counts
    parts = [f"{counts.frames:,} of {counts.targets:,} frames"]
    if now.has_speed:
        parts.append(f"{now.frames_per_s:.1f} frames/s")
    if now.times_real:
        parts.append(f"{now.times_real:.1f}x real time")
    if now.bill is not None:
        refused = f" ({now.bill.throttled:,} refused for the rate)" if now.bill.throttled else ""
        parts.append(f"{numbered(now.bill.calls, 'call')}{refused}")
    if now.left_s is not None:
        parts.append(f"{duration(now.left_s)} left")
    if counts.files_failed:
        parts.append(f"{counts.files_failed} failed")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Seconds for people: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _files(now: Snapshot) -> str:
    total = f"{now.counts.files:,}{'+' if now.walking else ''}"
    return f"{now.counts.files_done + _unreadable(now.counts):,} of {total} files"


def _unreadable(counts: JobCounts) -> int:
    """Files that are settled because they could not be read at all."""
    return min(counts.files_failed, counts.files - counts.files_done)
