"""How long the views take to answer about a job of a million faces in SQLite.

    python -m benchmarks.views [--quick]

500 videos of as many participants who saw 5 stimuli under 2 conditions, a frame a second with a face in it: 277 hours.
Exits with 1 when the target is missed; what has none is printed for comparison.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.photos import new_job
from db.engine import writing
from db.query import open_query
from db.records import JobFile, MediaFacts, SegmentSpec
from db.store import Store

MOST_S = 2.0
ROUNDS = 3
VIDEOS = 500
ADMIT = 100
JUDGED = "SELECT * FROM media_summary"
QUESTIONS = (
    JUDGED,
    "SELECT * FROM media_summary WHERE path = 'p007/ad2.mp4'",
    "SELECT dominant, count(*) FROM emotions GROUP BY dominant",
    "SELECT * FROM timeline WHERE path = 'p007/ad2.mp4'",
    "SELECT count(*) FROM timeline",
    "SELECT count(*) FROM job_timeline WHERE job = (SELECT max(id) FROM job)",
    "SELECT second, n, mean, low, high FROM group_timeline "
    "WHERE tag = 'condition' AND stimulus = 'ad2' AND measure = 'valence'",
)
_FACTS = MediaFacts(
    "video", "mp4", "h264", 1280, 720, time_base_num=1, time_base_den=1000, end_pts=2_000_000, duration_s=2000.0,
    fps=25.0, frame_count=50_000,
)  # fmt: skip
_FRAMES = """
INSERT INTO frame (media_analysis_id, pts, time_s, status, faces, faces_dropped, segment_id)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :frames)
SELECT s.media_analysis_id, n.i * 1000, n.i, 'ok', 1, 0, s.id FROM segment AS s CROSS JOIN n
"""
_FACES = """
INSERT INTO face (media_analysis_id, pts, face, time_s, box_x, box_y, box_width, box_height, confidence, dominant,
                  neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, valence,
                  right_eye_x, right_eye_y, left_eye_x, left_eye_y, nose_x, nose_y,
                  right_mouth_x, right_mouth_y, left_mouth_x, left_mouth_y)
SELECT media_analysis_id, pts, 0, time_s, 300.25, 200.5, 80.125, 96.75, 0.93,
       CASE WHEN x > 0.5 THEN 'happiness' WHEN x > 0.2 THEN 'neutral' ELSE 'sadness' END,
       0.3, x, 0.01, 0.7 - x, 0.01, 0.01, 0.01, 0.01, 2 * x - 0.7,
       320.5, 230.5, 350.5, 231.5, 335.5, 250.5, 322.5, 270.5, 348.5, 271.5
FROM (SELECT media_analysis_id, pts, time_s, (media_analysis_id * 7919 + pts * 31) % 701 / 1001.0 AS x FROM frame)
"""
_COUNTS = """
UPDATE media_analysis SET state = 'complete', segments_done = 1, length_done_s = length_s, frames = :frames,
                          frames_with_face = :frames, faces = :frames
"""


@dataclass(frozen=True)
class Measured:
    """One question: the quickest of its rounds, and how many rows it gave."""

    question: str
    wall_s: float
    rows: int


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 faces, for a smoke test")
    frames = 40 if parser.parse_args().quick else 2000
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder:
        url = f"sqlite:///{folder}/moodreel.db"
        started = time.monotonic()
        _fill(url, frames)
        size_mb = (Path(folder) / "moodreel.db").stat().st_size / 1e6
        print(f"{VIDEOS * frames:,} faces, {size_mb:,.0f} MB, made in {time.monotonic() - started:.0f} s\n")
        measured = [_ask(url, question) for question in QUESTIONS]
    verdicts = {f"media_summary in {measured[0].wall_s:.2f} s, {MOST_S:g} at most": measured[0].wall_s <= MOST_S}
    report.show(verdicts)
    passed = all(verdicts.values())
    figures = {"faces": VIDEOS * frames, "size_mb": size_mb, "questions": list(map(asdict, measured))}
    print(f"\nwritten to {report.write('views', figures, passed)}")
    return 0 if passed else 1


def _fill(url: str, frames: int) -> None:
    with closing(Store.open(url, create=True)) as store:
        job = new_job(store, "views")
        files = list(_files(frames))
        for at in range(0, VIDEOS, ADMIT):
            store.intake.admit(job.id, files[at : at + ADMIT])
        for statement in (_FRAMES, _FACES, _COUNTS):
            _run(store, statement, frames)


def _run(store: Store, statement: str, frames: int) -> None:
    values = {"frames": frames} if ":frames" in statement else {}
    writing(store.engine, lambda connection: connection.exec_driver_sql(statement, values))


def _files(frames: int) -> Iterator[JobFile]:
    for number in range(VIDEOS):
        who, what = divmod(number, 5)
        path = f"p{who:03d}/ad{what}.mp4"
        yield JobFile(
            root=b"/data",
            relative=path.encode(),
            path=path,
            size=1000,
            mtime_ns=1,
            tags={"participant": f"P{who:03d}", "condition": "AB"[who % 2], "stimulus": f"ad{what}"},
            sha256=f"{number:064d}",
            facts=_FACTS,
            segments=(SegmentSpec(0, 0, 2_000_000, 0, None, 0.0, 2000.0, frames, 3.5),),
        )


def _ask(url: str, question: str) -> Measured:
    """As `moodreel query` asks. Only the judged one is worth several rounds."""
    walls = []
    rows = 0
    for _ in range(ROUNDS if question == JUDGED else 1):
        started = time.monotonic()
        with open_query(url, question, timeout_s=600) as answer:
            rows = sum(len(batch) for batch in answer)
        walls.append(time.monotonic() - started)
    print(f"{min(walls):8.2f} s  {rows:>9,} rows  {question}")
    return Measured(question, min(walls), rows)


if __name__ == "__main__":
    sys.exit(main())
