"""Reads a job for its report: a few queries, added up by the database, of one moment."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from db.emotions import EMOTIONS
from db.engine import reading
from db.job_records import JobRecord
from db.overview import Overview
from db.report import ReportFile, ReportMedia, ReportReader, together
from db.store import Store
from jobs.report.curve import Curve, Shape, boxes_of, curve_of
from jobs.report.facts import FileFacts, Report, asked_of
from jobs.report.groups import PARTICIPANT, Member, courses_of, groupings, groups_of
from jobs.report.highlights import appearances, moments, strip
from jobs.report.links import Linker
from jobs.report.steps import Extent, count, steps_of
from jobs.submit import program_version
from workers.analysis import SamplingMode

MOST_FILES = 5_000
"""Files that are shown one by one; what is added up is added up over all."""
MOST_PROBLEMS = 500


@dataclass(frozen=True, slots=True)
class _Sampled:
    """How videos were looked at."""

    interval_s: Fraction | None
    """None where what lies between two looks varies."""
    holds: bool
    """A frame counts for as long as it was on screen: whatever came later was looked at too."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen, by media analysis."""

    shares: dict[int, tuple[tuple[float, ...], float]]
    """Share of each dominant emotion, and mean valence."""
    curves: dict[int, Curve]


def gather(store: Store, job: JobRecord, linker: Linker) -> Report:
    """All that a report tells of a job."""
    overview, counts = Overview(store.engine), store.jobs.counts(job.id)
    with reading(store.engine) as connection:
        reader = ReportReader(connection)
        video = reader.asked(job.video_analysis_id)
        files = reader.files(job.id, MOST_FILES)
        sampled = _sampled(video.spec_json)
        seen = _see(reader, files, sampled)
        dominants = reader.dominants(job.id)
    told = [_file(file, linker(file), seen) for file in files]
    members = [_member(one) for one in told if one.file.media is not None]
    tags = groupings(members)
    problems = overview.problems(job.id, MOST_PROBLEMS)
    return Report(
        job=job,
        counts=counts,
        asked=asked_of(job, video, json.loads(video.spec_json)),
        made_at=datetime.now(UTC).isoformat(" ", "seconds").removesuffix("+00:00"),
        program_version=program_version(),
        dominants=dominants,
        files=told,
        files_left_out=counts.files - len(files),
        problems=problems,
        problems_left_out=overview.problem_count(job.id) - len(problems),
        groups={tag: groups_of(members, tag, values) for tag, values in tags.items()},
        courses=courses_of(members, tags) if any(one.tags for one in members) else [],
        notes=tuple(_notes(told, sampled)),
    )


def _see(reader: ReportReader, files: Sequence[ReportFile], sampled: _Sampled) -> _Seen:
    media = {file.media.media_analysis_id: file.media for file in files if file.media is not None}
    shares: dict[int, tuple[tuple[float, ...], float]] = {}
    for ids in together([(number, one.faces) for number, one in media.items()]):
        shares |= _shares(reader, ids)
    looked = [one for one in media.values() if one.frames]
    steps = steps_of([_extent(one, sampled.interval_s) for one in looked])
    alike: dict[float, list[ReportMedia]] = defaultdict(list)
    for one, step_s in zip(looked, steps, strict=True):
        alike[step_s].append(one)
    curves: dict[int, Curve] = {}
    for step_s, group in alike.items():
        for ids in together([(one.media_analysis_id, max(one.faces, one.frames)) for one in group]):
            curves |= _curves(reader, [media[number] for number in ids], step_s, holds=sampled.holds)
    return _Seen(shares, curves)


def _extent(media: ReportMedia, interval_s: Fraction | None) -> Extent:
    return Extent(media.duration_s, media.frames, media.frames_with_face, media.faces, interval_s)


def _shares(reader: ReportReader, ids: Sequence[int]) -> dict[int, tuple[tuple[float, ...], float]]:
    faces: dict[int, dict[str, int]] = defaultdict(dict)
    valence: dict[int, float] = defaultdict(float)
    for one in reader.shares(ids):
        faces[one.media_analysis_id][one.dominant] = one.faces
        valence[one.media_analysis_id] += one.valence
    found = {}
    for number, counted in faces.items():
        whole = sum(counted.values())
        found[number] = tuple(counted.get(name, 0) / whole for name in EMOTIONS), valence[number] / whole
    return found


def _curves(reader: ReportReader, media: Sequence[ReportMedia], step_s: float, *, holds: bool) -> dict[int, Curve]:
    ids = [one.media_analysis_id for one in media]
    through: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for number, start_s, end_s in reader.stretches(ids) if holds else ():
        through[number].append((start_s, end_s))
    seen = _by_media(reader.seen(ids, step_s))
    points = _by_media(reader.means(ids, step_s))
    boxes = _by_media(reader.boxes(ids, step_s))
    made = {}
    for one in media:
        number = one.media_analysis_id
        shape = Shape(one.first_s, step_s, count(one.duration_s, step_s) if one.kind == "video" else 1, through[number])
        faces = boxes_of([row[1:] for row in boxes[number]], one.width, one.height)
        made[number] = curve_of(shape, (row[1:] for row in seen[number]), [row[1:] for row in points[number]], faces)
    return made


def _by_media(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


def _file(file: ReportFile, link: Any, seen: _Seen) -> FileFacts:
    number = None if file.media is None else file.media.media_analysis_id
    if number is None:
        return FileFacts(file, link)
    shares, valence = seen.shares.get(number, (None, None))
    curve = seen.curves.get(number)
    if curve is None:
        return FileFacts(file, link, shares, valence)
    of_video = file.media is not None and file.media.kind == "video"
    return FileFacts(
        file,
        link,
        shares,
        valence,
        curve,
        strip=strip(curve),
        moments=moments(curve) if of_video else (),
        appearances=appearances(curve),
    )


def _member(one: FileFacts) -> Member:
    tags = one.file.tags
    is_video = one.file.media is not None and one.file.media.kind == "video"
    curve = one.curve if is_video else None
    return Member(tags, tags.get(PARTICIPANT, one.file.path), one.shares, one.valence, curve)


def _sampled(spec_json: str) -> _Sampled:
    sampling = json.loads(spec_json).get("sampling") or {}
    interval_s = Fraction(sampling["interval_s"]) if sampling.get("mode") == SamplingMode.INTERVAL else None
    return _Sampled(interval_s, sampling.get("mode") != SamplingMode.KEYFRAMES)


def _notes(files: Sequence[FileFacts], sampled: _Sampled) -> Iterable[str]:
    videos = (one for one in files if one.file.media is not None and one.file.media.kind == "video")
    widest = max((one.curve.step_s for one in videos if one.curve is not None), default=0.0)
    if sampled.interval_s is not None and widest > max(float(sampled.interval_s) * 1.5, 1.0):
        yield (
            f"Curves show means over up to {widest:g} s, and boxes of one frame in each such stretch, "
            "so that the page stays small; the database holds every frame."
        )
