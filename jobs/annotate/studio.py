"""One recording at a time: a child draws, this process writes what it hands over. A failure costs one file."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from db.records import Problem
from jobs.annotate.folder import OutputFolder, Refused
from jobs.annotate.request import Failed, Made, Result
from workers.drawing.work import DrawResult, DrawWork
from workers.events import ItemDrawn, ItemFailed, ItemPiece, ItemProgress, Task
from workers.lane import Lane
from workers.messages import DrawBatch

NOTES_KEPT = 5
NOTE_CHARS = 200


class Interrupted(Exception):
    """Somebody wants everything to stop: the file was not finished."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file that is to be made of a recording."""

    path: str
    """Of the recording, for people."""
    name: bytes
    """Of the file, below the output folder."""
    kind: str


class Studio:
    """Draws into a folder with one lane. Used by one thread at a time."""

    def __init__(self, lane: Lane, folder: OutputFolder) -> None:
        self._lane = lane
        self._folder = folder

    def make(self, output: Output, work: DrawWork, report: Callable[[int], None]) -> Result:
        """Make one file. Raises Interrupted, DiskTrouble, ChildCannotStart."""
        path = self._folder.path_of(output.name)
        try:
            with self._folder.whole_file(output.name) as partial:
                drawn = self._draw(work, partial, report)
        except Refused as refused:
            return Failed(output.path, path, refused.problem)
        notes = tuple(note[:NOTE_CHARS] for note in drawn.notes[:NOTES_KEPT])
        return Made(output.path, path, output.kind, drawn.frames, notes)

    def _draw(self, work: DrawWork, into: Path, report: Callable[[int], None]) -> DrawResult:
        outcome: DrawResult | Problem | None = None
        with into.open("r+b") as file:
            for event in self._lane.run(Task(0, DrawBatch((work,)))):  # to its end, or the child is not used again
                match event:
                    case ItemPiece(_, _, offset, data):
                        file.seek(offset)
                        file.write(data)
                    case ItemProgress(_, _, frames):
                        report(frames)
                    case ItemFailed(_, _, problem):
                        outcome = problem
                    case ItemDrawn(_, _, drawn):
                        outcome = drawn
        if outcome is None:
            raise Interrupted
        if isinstance(outcome, Problem):
            raise Refused(in_place(outcome))
        return outcome


def in_place(problem: Problem) -> Problem:
    """What a child or a place says of a file, with what helps here: nothing of the job has failed."""
    reason = problem.reason.replace("analysing it", "drawing it").replace("that analysed it", "that drew it")
    return replace(problem, reason=reason, hint=problem.hint.replace("`moodreel retry`", "`moodreel annotate` again"))
