"""What a child is asked for: a recording as the database has it, and the contact sheet that is planned of it."""

import json
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy.engine import Connection

from db.emotions import EMOTIONS
from db.records import FileIdentity, JobRecord, MediaFacts
from db.report import ReportFile
from db.report_faces import facts_of, frame_places
from jobs.annotate.moments import chosen
from jobs.annotate.request import AnnotateRequest
from jobs.annotate.seen import seen_in
from jobs.words import numbered
from workers.analysis import AnalysisSpec, Sampling, SamplingMode
from workers.drawing.film_clock import clock_words
from workers.drawing.work import NO_TRACK, DrawWork, Moment, Seen, SheetPlan

MOST_NAMED = 3
LEAST_NAMED = 0.01
"""Weaker emotions are not named in the head of a contact sheet."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of a job and what was seen in it."""

    file: ReportFile
    media_analysis_id: int
    facts: MediaFacts
    seen: Seen


def analysis_of(job: JobRecord) -> AnalysisSpec:
    """What a job asked of videos."""
    return AnalysisSpec.from_json(json.loads(job.request_json)["analysis"])


def recording_of(connection: Connection, file: ReportFile, analysis: AnalysisSpec) -> Recording:
    """All of a readable file that is to be drawn."""
    assert file.media is not None  # noqa: S101  narrows the type
    number = file.media.media_analysis_id
    facts = facts_of(connection, number)
    sampling = analysis.sampling if facts.kind == "video" else None
    return Recording(file, number, facts, seen_in(connection, number, facts, sampling))


def drawing(recording: Recording, source: FileIdentity, asked: AnnotateRequest, threads: int) -> DrawWork:
    """The recording itself, drawn upon."""
    packed = recording.seen.packed()
    return DrawWork(source, recording.facts, packed, asked.look, audio=asked.audio, threads=threads)


def contact_sheet(
    connection: Connection, recording: Recording, source: FileIdentity, asked: AnnotateRequest, analysis: AnalysisSpec
) -> DrawWork:
    """The contact sheet of a video."""
    moments = chosen(recording.seen)
    places = frame_places(connection, recording.media_analysis_id, [moment.pts for moment in moments])
    segments = {place.pts: place.segment for place in places}
    plan = SheetPlan(
        title=recording.file.path,
        lines=lines_of(recording.facts, recording.seen),
        moments=tuple(Moment(segments[one.pts], one.emotion) for one in moments if one.pts in segments),
        analysis=replace(analysis, sampling=Sampling(SamplingMode.EVERY_FRAME)),
    )
    return DrawWork(source, recording.facts, recording.seen.packed(), asked.look, sheet=plan)


def lines_of(facts: MediaFacts, seen: Seen) -> tuple[str, ...]:
    """What stands below the title of a contact sheet."""
    tracks = len({int(track) for track in seen.track} - {NO_TRACK})
    counted = [
        clock_words(facts.duration_s),
        numbered(len(seen.looked), "frame") + " looked at",
        numbered(seen.faces, "face"),
        *([numbered(tracks, "track")] if tracks else []),
    ]
    return ", ".join(counted), *_mean(seen)


def _mean(seen: Seen) -> list[str]:
    """The strongest emotions on average over all scored faces; nothing where none was scored."""
    scores = seen.scores[np.isfinite(seen.scores).any(axis=1)].astype(np.float64)
    if not len(scores):
        return []
    means = np.nan_to_num(scores).sum(axis=0) / np.maximum(1, np.isfinite(scores).sum(axis=0))
    strongest = [at for at in np.argsort(-means, kind="stable")[:MOST_NAMED] if means[at] >= LEAST_NAMED]
    return ["on average " + ", ".join(f"{EMOTIONS[at]} {means[at]:.0%}" for at in strongest)]
