"""Jobs with so many faces as only weeks of work would give, written straight into the tables.

Each person's emotions wander as people's do: mostly neutral, now and then a few seconds of something else.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.photos import new_job
from db.emotions import EMOTIONS
from db.engine import writing
from db.records import JobFile, JobRecord, MediaFacts, SegmentSpec
from db.schema import face, frame, job_file, media_analysis, segment
from db.store import Store

ROOT = b"/recordings"
WIDTH, HEIGHT = 1280, 720
ROWS_AT_ONCE = 10_000
CONDITIONS, STIMULI = ("control", "warm"), ("trailer", "interview", "advert")


@dataclass(frozen=True, slots=True)
class Shoot:
    """How much is to be seen."""

    videos: int = 100
    seconds: int = 600
    people: int = 2
    """Faces in each frame that has any."""
    frames_per_s: int = 1
    with_tracks: bool = True


def fill(store: Store, name: str, shoot: Shoot, seed: int = 1) -> JobRecord:
    """A finished job of such videos, tagged by participant, condition and stimulus."""
    job = new_job(store, name)
    store.intake.admit(job.id, [_file(number, shoot) for number in range(shoot.videos)])
    store.jobs.seal(job.id)
    random = np.random.default_rng(seed)
    for place in _places(store, job):
        _write(store, place, shoot, random)
    return store.jobs.get(job.id)


def _file(number: int, shoot: Shoot) -> JobFile:
    path = f"P{number // len(STIMULI):02}/{STIMULI[number % len(STIMULI)]}.mp4"
    tags = {
        "participant": f"P{number // len(STIMULI):02}",
        "condition": CONDITIONS[number // len(STIMULI) % 2],
        "stimulus": STIMULI[number % len(STIMULI)],
    }
    end = shoot.seconds * 1000
    facts = MediaFacts(
        "video", "mp4", "h264", WIDTH, HEIGHT, time_base_num=1, time_base_den=1000, end_pts=end,
        duration_s=float(shoot.seconds), fps=25.0, frame_count=shoot.seconds * 25,
    )  # fmt: skip
    segments = (SegmentSpec(0, 0, end, 0, None, 0.0, shoot.seconds, shoot.seconds * shoot.frames_per_s, 100.0),)
    digest = hashlib.sha256(path.encode()).hexdigest()
    return JobFile(ROOT, path.encode(), path, 50_000_000, 1, tags, digest, facts=facts, segments=segments)


def _places(store: Store, job: JobRecord) -> list[tuple[int, int]]:
    wanted = (
        sa.select(job_file.c.media_analysis_id, segment.c.id)
        .join(segment, segment.c.media_analysis_id == job_file.c.media_analysis_id)
        .where(job_file.c.job_id == job.id)
    )
    with store.engine.connect() as connection:
        return [(row[0], row[1]) for row in connection.execute(wanted)]


def _write(store: Store, place: tuple[int, int], shoot: Shoot, random: np.random.Generator) -> None:
    number, of_segment = place
    count = shoot.seconds * shoot.frames_per_s
    there = np.sin(np.arange(count) / count * 20 + random.uniform(0, 6)) > -0.92
    frames = [
        {
            "media_analysis_id": number, "pts": at * 1000 // shoot.frames_per_s, "time_s": at / shoot.frames_per_s,
            "status": "ok", "faces": shoot.people * bool(there[at]), "faces_dropped": 0, "segment_id": of_segment,
        }
        for at in range(count)
    ]  # fmt: skip
    faces = list(_faces(number, shoot, there, random))
    counts = {"frames": count, "frames_with_face": int(there.sum()), "faces": len(faces), "segments_done": 1}

    def work(connection: sa.Connection) -> None:
        for rows, table in ((frames, frame), (faces, face)):
            for start in range(0, len(rows), ROWS_AT_ONCE):
                connection.execute(sa.insert(table), rows[start : start + ROWS_AT_ONCE])
        connection.execute(sa.update(segment).where(segment.c.id == of_segment).values(state="done"))
        whole = sa.update(media_analysis).where(media_analysis.c.id == number)
        connection.execute(whole.values(state="complete", length_done_s=float(shoot.seconds), **counts))

    writing(store.engine, work)


def _faces(
    number: int, shoot: Shoot, there: NDArray[np.bool_], random: np.random.Generator
) -> Iterator[dict[str, Any]]:
    people = [(_moods(len(there), random), _walk(len(there), person, random)) for person in range(shoot.people)]
    for at in np.flatnonzero(there):
        for person, (moods, walk) in enumerate(people):
            scores = moods[at]
            worst = max(scores[EMOTIONS.index(name)] for name in ("sadness", "anger", "fear", "disgust"))
            yield {
                "media_analysis_id": number, "pts": int(at) * 1000 // shoot.frames_per_s, "face": person,
                "time_s": float(at) / shoot.frames_per_s, "track": person + 1 if shoot.with_tracks else None,
                "box_x": walk[at, 0], "box_y": walk[at, 1], "box_width": 150.0, "box_height": 190.0,
                "confidence": 0.9, "dominant": EMOTIONS[int(scores.argmax())], "valence": float(scores[1] - worst),
                **dict(zip(EMOTIONS, map(float, scores), strict=True)),
            }  # fmt: skip


def _moods(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """[frames, 8]: probabilities."""
    heights = np.array([2.2, 0.6, -0.6, 0.1, -0.9, -2.0, -2.0, -1.6]) + random.normal(0, 0.5, 8)
    wander = random.normal(0, 0.5, (count, 8)).cumsum(axis=0)
    wander -= np.array([np.convolve(column, np.ones(61) / 61, "same") for column in wander.T]).T
    logits = heights + wander * 1.4 + random.normal(0, 0.3, (count, 8))
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    made: NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
    return made


def _walk(count: int, person: int, random: np.random.Generator) -> NDArray[np.float64]:
    """[frames, 2]: the corner of a box."""
    steps = random.normal(0, 6, (count, 2)).cumsum(axis=0)
    middle = np.array([200.0 + 450.0 * person, 220.0])
    made: NDArray[np.float64] = middle + 60 * np.tanh(steps / 60)
    return made
