"""`annotate` from the request to the result: which files, under which names, found how, drawn by whom."""

import os
from collections.abc import Iterator, Mapping, Sequence

from db.drawing import pictures_of
from db.engine import reading
from db.job_records import JobRecord
from db.report import ReportFile, ReportReader
from db.store import Store
from jobs.annotate.asking import analysis_of
from jobs.annotate.crew import Crew
from jobs.annotate.folder import OutputFolder
from jobs.annotate.moments import MOST_CELLS
from jobs.annotate.names import names_of
from jobs.annotate.notes import notes_on
from jobs.annotate.place import Finder, local_paths, places_of
from jobs.annotate.request import AnnotateRequest, Outcome
from jobs.annotate.scene import Item, Scene
from jobs.annotate.tally import Tally
from jobs.embedded import stoppable
from jobs.errors import UsageError
from jobs.export.job import unfinished
from jobs.progress import Progress
from workers.settings import Settings

MOST_FILES = 10_000_000
MOST_THREADS = 4
"""Of an encoder: more help little, and each takes memory of its child."""


def annotate_job(
    store: Store, job: JobRecord, settings: Settings, asked: AnnotateRequest, progress: Progress
) -> Outcome:
    """Draw what was seen in the recordings of a job. Raises UsageError, JobError, StoreError, SettingsError."""
    with reading(store.engine) as connection:
        files = ReportReader(connection).files(job.id, MOST_FILES)
        pictures = pictures_of(connection, job.id)
    items = items_of(files, asked)
    left = unfinished(store, job, "emotions")
    tally = Tally({item.number: _expected(item.file, pictures, asked) for item in items})
    size = min(settings.workers, len(items))
    places = local_paths(files, job, settings)
    folder = OutputFolder(asked.folder, force=asked.force, recordings=places)
    with (
        stoppable() as stop,
        places_of(job, settings) as found,
        Crew(size, settings.limits, folder, stop) as crew,
    ):
        scene = Scene(store, asked, analysis_of(job), Finder(found, files, job.id), _threads(size))
        results = crew.draw(scene, items, tally, progress)
    media = [item.file.media for item in items if item.file.media is not None]
    notes = (*_on_time(left), *notes_on(media, analysis_of(job), asked), *_on_place(asked, files))
    return Outcome(results, notes, is_complete=tally.is_complete)


def items_of(files: Sequence[ReportFile], asked: AnnotateRequest) -> list[Item]:
    """The files of a job that are to be drawn, each under the name that it has whatever else is. Raises UsageError."""
    named = enumerate(zip(files, names_of(files), strict=True))
    items = [Item(number, file, name) for number, (file, name) in named if _is_wanted(file, asked)]
    if not items:
        what = "video" if asked.sheets_only else "file"
        raise UsageError(f"no {what} of this job is to be drawn", "see its files with `moodreel report`, and --include")
    return items


def _is_wanted(file: ReportFile, asked: AnnotateRequest) -> bool:
    is_photo = file.media is not None and file.media.kind == "photo"
    return asked.filters.admits(os.fsencode(file.path)) and not (asked.sheets_only and is_photo)


def _expected(file: ReportFile, pictures: Mapping[int, int], asked: AnnotateRequest) -> int:
    """How many pictures will be drawn upon."""
    if file.media is None:
        return 0
    return min(MOST_CELLS, file.media.frames) if asked.sheets_only else pictures[file.media.media_analysis_id]


def _threads(children: int) -> int:
    """For each encoder, so that the cores are busy and no more than that."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_THREADS, cores // children))


def _on_time(left: str) -> Iterator[str]:
    """What was still to come when it was drawn."""
    if left:
        yield f"{left} of this job: what was there by now is drawn"


def _on_place(asked: AnnotateRequest, files: Sequence[ReportFile]) -> Iterator[str]:
    """Where the next run would take drawings for recordings."""
    folder = os.path.realpath(os.fsencode(asked.folder))
    for root in sorted({file.root for file in files if file.root.startswith(b"/")}):
        real = os.path.realpath(root)
        if folder == real or folder.startswith(real.rstrip(b"/") + b"/"):
            yield f"{asked.folder} lies within {os.fsdecode(root)}: leave it out of the next run with --exclude"
