"""What is asked of `annotate`, and what came of it: values."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from db.records import Problem
from jobs.discover import Filters
from workers.drawing.work import Look


@dataclass(frozen=True, slots=True)
class AnnotateRequest:
    """What is to be drawn, and where to."""

    folder: Path
    look: Look
    filters: Filters = field(default_factory=Filters)
    audio: bool = True
    sheets_only: bool = False
    force: bool = False
    """Replace files that are there already; never a recording of the job."""


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was written."""

    path: str
    """Of the recording, as the job has it."""
    file: Path
    kind: str
    """video, photo or sheet."""
    frames: int
    notes: tuple[str, ...] = ()
    """What is otherwise than one would expect."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that was not."""

    path: str
    file: Path | None
    """None: nothing could be made of the recording at all."""
    problem: Problem


Result = Made | Failed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one command made."""

    results: Sequence[Result]
    notes: tuple[str, ...]
    """What the reader must know of all of it."""
    is_complete: bool
    """False: somebody stopped it."""

    @property
    def made(self) -> list[Made]:
        """The files that were written."""
        return [one for one in self.results if isinstance(one, Made)]

    @property
    def failed(self) -> list[Failed]:
        """Those that were not."""
        return [one for one in self.results if isinstance(one, Failed)]
