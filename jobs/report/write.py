"""A report as a file: gathered, rendered, written under another name and renamed once it is whole."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from db.job_records import JobRecord
from db.store import Store
from jobs.export.base import whole_file
from jobs.report.facts import Report
from jobs.report.gather import gather
from jobs.report.links import LocalLinks
from jobs.status import is_fleet
from jobs.streams import data_out
from workers.roots import MediaRoots, parse_roots
from workers.settings import Settings


class Form(StrEnum):
    """How a report is rendered."""

    HTML = "html"
    MARKDOWN = "md"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked of a report."""

    form: Form
    path: Path | None
    """None: stdout."""
    force: bool = False
    thumbnails: bool = False
    blur: bool = False


def write_report(store: Store, job: JobRecord, settings: Settings, wanted: Wanted) -> Report:
    """Write the report of a job. Raises UsageError, JobError, StoreError, SettingsError."""
    if wanted.path is None:
        report, text = _made(store, job, settings, wanted)
        data_out().write(text)
        return report
    with whole_file(wanted.path, force=wanted.force) as partial:
        report, text = _made(store, job, settings, wanted)
        partial.write_text(text, "utf-8", newline="\n")
    return report


def _made(store: Store, job: JobRecord, settings: Settings, wanted: Wanted) -> tuple[Report, str]:
    folder = Path() if wanted.path is None else wanted.path.parent
    report = gather(store, job, LocalLinks(folder, _roots(job, settings)))
    if wanted.form is Form.MARKDOWN:
        from jobs.report import text

        return report, text.render(report)
    from jobs.report import page

    if wanted.thumbnails:
        from jobs.report.thumbnails import with_thumbnails

        report = with_thumbnails(store, report, settings, blur=wanted.blur)
    return report, page.render(report)


def _roots(job: JobRecord, settings: Settings) -> MediaRoots | None:
    """A fleet's files are named below media roots, which this machine may know too."""
    return parse_roots(settings.media_roots or "") if is_fleet(job) else None
