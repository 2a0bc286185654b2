"""All that is made of one recording, one file after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from db.engine import reading
from db.records import FileIdentity, Problem
from db.report import ReportFile
from db.store import Store
from jobs.annotate.asking import Recording, contact_sheet, drawing, recording_of
from jobs.annotate.names import SHEET
from jobs.annotate.place import Finder
from jobs.annotate.request import AnnotateRequest, Failed, Result
from jobs.annotate.studio import Output, Studio, in_place
from workers.analysis import AnalysisSpec

NOTHING_SEEN = Problem(
    "annotate.nothing_seen",
    "nothing of it has been analysed, so there is nothing to draw",
    "`moodreel status` says why; `moodreel resume` or `moodreel retry` the job, then annotate it again",
)


@dataclass(frozen=True, slots=True)
class Item:
    """A recording of the job that is to be drawn, and what its drawing is called."""

    number: int
    file: ReportFile
    name: bytes


@dataclass(frozen=True, slots=True)
class Scene:
    """What every recording of a job is drawn with."""

    store: Store
    asked: AnnotateRequest
    analysis: AnalysisSpec
    finder: Finder
    threads: int
    """That each encoder may use."""

    def play(
        self, item: Item, studio: Studio, report: Callable[[int], None], stopped: Callable[[], bool]
    ) -> Iterator[Result]:
        """Each file as it is made, or why it is not. Raises Interrupted, InterruptedError and what stops everything."""
        if item.file.problem is not None:
            yield Failed(item.file.path, None, item.file.problem)
            return
        with reading(self.store.engine) as connection:
            recording = recording_of(connection, item.file, self.analysis)
        if not len(recording.seen.looked):
            yield Failed(item.file.path, None, NOTHING_SEEN)
            return
        with self.finder.found(item.number, recording, stopped) as source:
            if isinstance(source, Problem):
                yield Failed(item.file.path, None, in_place(source))
                return
            yield from self._made(item, recording, source, studio, report)

    def _made(
        self,
        item: Item,
        recording: Recording,
        source: FileIdentity,
        studio: Studio,
        report: Callable[[int], None],
    ) -> Iterator[Result]:
        kind = recording.facts.kind
        if not self.asked.sheets_only:
            work = drawing(recording, source, self.asked, self.threads)
            yield studio.make(Output(item.file.path, item.name, kind), work, report)
        if kind == "video":
            with reading(self.store.engine) as connection:
                work = contact_sheet(connection, recording, source, self.asked, self.analysis)
            yield studio.make(Output(item.file.path, item.name + SHEET, "sheet"), work, _nobody)


def _nobody(_pictures: int) -> None:
    """Hears that a contact sheet gets on: it takes seconds."""
