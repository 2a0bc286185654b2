"""Committing a million faces against the bare database: sqlite3's executemany, and psycopg's COPY.

    python -m benchmarks.commit [--quick]

Ours: results of claimed video segments, each commit of about 2,000 frames under the fences of its segments, with
checks, counts and progress, as a run commits them. Theirs: the same rows, ready as tuples, into tables of the same
columns and primary keys and nothing else, in transactions of the same size. By turns, the better of two rounds; rows
are frames and faces. Exits with 1 where a target is missed.
"""

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import psycopg

from benchmarks import report
from benchmarks.photos import new_job
from benchmarks.servers import postgres
from db.emotions import EMOTIONS
from db.records import ClaimedSegment, Face, Frame, JobFile, MediaFacts, SegmentCommit, SegmentSpec
from db.results import FACE_COLUMNS, FRAME_COLUMNS, face_rows, frame_row
from db.store import Store

LEAST = 0.4
FRAMES_A_SEGMENT, SEGMENTS_A_COMMIT, SEGMENTS_A_FILE = 500, 4, 100
LEASE_S = 3600.0
ROUNDS = 2
FACTS = MediaFacts("video", "mp4", "h264", 1920, 1080)
_numbers = count()


@dataclass(frozen=True)
class Measured:
    """The better round of ours and of the bare database's, rows a second."""

    database: str
    ours_per_s: float
    bare_per_s: float

    @property
    def share(self) -> float:
        """Ours in theirs."""
        return self.ours_per_s / self.bare_per_s


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the faces")
    faces = 100_000 if parser.parse_args().quick else 1_000_000
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder, postgres() as server:
        bare = server.new_database("bare")
        measured = [
            _raced("sqlite", f"sqlite:///{folder}/moodreel.db", faces, lambda: _executemany(Path(folder), faces)),
            _raced("postgresql", server.new_database("commit"), faces, lambda: _copy(bare, faces)),
        ]
        verdicts = {
            f"{one.database}: {one.share:.0%} of the bare database's rows a second, {LEAST:.0%} at least": one.share
            >= LEAST
            for one in measured
        }
        figures = [asdict(one) | {"share": one.share} for one in measured]
    for one in measured:
        print(f"{one.database}: {one.ours_per_s:,.0f} rows/s against {one.bare_per_s:,.0f}")
    report.show(verdicts)
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('commit', figures, passed)}")
    return 0 if passed else 1


def _raced(database: str, url: str, faces: int, bare: Callable[[], float]) -> Measured:
    ours, theirs = [], []
    with Store.open(url, create=True) as store:
        for turn in range(ROUNDS):
            print(f"{database}, round {turn + 1} of {ROUNDS} ...", file=sys.stderr)
            ours.append(_ours(store, faces))
            theirs.append(bare())
    return Measured(database, 2 * faces / min(ours), 2 * faces / min(theirs))


def _ours(store: Store, faces: int) -> float:
    """Seconds to commit so many frames of one face each."""
    segments = faces // FRAMES_A_SEGMENT
    job = new_job(store, f"job-{next(_numbers)}")
    files = [_file(SEGMENTS_A_FILE) for _ in range(segments // SEGMENTS_A_FILE)]
    store.intake.admit(job.id, files)
    claims: list[ClaimedSegment] = []
    while more := store.segments.claim("benchmark:1", LEASE_S, 1000, job_id=job.id):
        claims += more
    spent_s = 0.0
    for at in range(0, len(claims), SEGMENTS_A_COMMIT):
        commits = [
            SegmentCommit(claim.fence, _frames(claim.spec.ordinal)) for claim in claims[at : at + SEGMENTS_A_COMMIT]
        ]
        began = time.perf_counter()
        outcomes = store.segments.commit(commits)
        spent_s += time.perf_counter() - began
        if not all(outcome.accepted for outcome in outcomes):
            raise RuntimeError("a commit was refused")
    return spent_s


def _file(segments: int) -> JobFile:
    number = next(_numbers)
    name = f"films/{number:06}.mp4"
    specs = tuple(
        SegmentSpec(one, one * 10_000, (one + 1) * 10_000, targets=FRAMES_A_SEGMENT) for one in range(segments)
    )
    return JobFile(b"main", name.encode(), name, 10**9, 1, sha256=f"{number:064x}", facts=FACTS, segments=specs)


def _frames(segment: int) -> tuple[Frame, ...]:
    return tuple(_frame(segment * 10_000 + number) for number in range(FRAMES_A_SEGMENT))


def _frame(pts: int) -> Frame:
    landmarks = tuple(float(pts % 97 + one) for one in range(10))
    scores = (0.1, 0.5, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05)
    return Frame(pts, pts / 1000, (Face(pts % 89, 80.0, 42.0, 56.0, landmarks, 0.93, scores, appearance=bytes(120)),))  # type: ignore[arg-type]


Rows = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]


def _batches(faces: int) -> Iterator[Rows]:
    """The rows of each commit, ready: of frames, and of faces."""
    for first in range(0, faces // FRAMES_A_SEGMENT, SEGMENTS_A_COMMIT):
        frames = [one for segment in range(first, first + SEGMENTS_A_COMMIT) for one in _frames(segment)]
        yield [frame_row(1, 1, one) for one in frames], [row for one in frames for row in face_rows(1, one)]


def _executemany(folder: Path, faces: int) -> float:
    """Seconds of sqlite3, as durable as ours."""
    path = folder / f"bare-{next(_numbers)}.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode = {_mode_of(folder)}")
        for statement in _tables("INTEGER", "REAL", "BLOB"):
            database.execute(statement)
        spent_s = 0.0
        for batch in _batches(faces):
            began = time.perf_counter()
            database.execute("BEGIN IMMEDIATE")
            for name, columns, rows in zip(TABLES, COLUMNS, batch, strict=True):
                database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", rows)  # noqa: S608
            database.execute("COMMIT")
            spent_s += time.perf_counter() - began
    path.unlink()
    return spent_s


def _mode_of(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "moodreel.db")) as database:
        return str(database.execute("PRAGMA journal_mode").fetchone()[0])


def _copy(url: str, faces: int) -> float:
    """Seconds of psycopg's COPY."""
    with psycopg.connect(url) as connection:
        for statement in _tables("BIGINT", "DOUBLE PRECISION", "BYTEA"):
            connection.execute(statement.encode())
        connection.commit()
        spent_s = 0.0
        for batch in _batches(faces):
            began = time.perf_counter()
            for name, rows in zip(TABLES, batch, strict=True):
                with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN".encode()) as copy:
                    for row in rows:
                        copy.write_row(row)
            connection.commit()
            spent_s += time.perf_counter() - began
        for name in TABLES:
            connection.execute(f"DROP TABLE {name}".encode())
    return spent_s


TABLES, COLUMNS = ("bare_frame", "bare_face"), (FRAME_COLUMNS, FACE_COLUMNS)
_KEYS = ("media_analysis_id, pts", "media_analysis_id, pts, face")
_WHOLE = frozenset(("media_analysis_id", "pts", "face", "faces", "faces_dropped", "segment_id"))
_WORDS = frozenset(("status", "dominant", "attributes"))


def _tables(whole: str, real: str, raw: str) -> Iterator[str]:
    """Statements that make the two."""
    assert set(EMOTIONS) <= set(FACE_COLUMNS)
    kinds = dict.fromkeys(_WHOLE, whole) | dict.fromkeys(_WORDS, "TEXT") | {"appearance": raw}
    for name, columns, key in zip(TABLES, COLUMNS, _KEYS, strict=True):
        yield f"CREATE TABLE {name} ({_typed(columns, kinds, real)}, PRIMARY KEY ({key}))"


def _typed(columns: Sequence[str], kinds: dict[str, str], real: str) -> str:
    return ", ".join(f'"{column}" {kinds.get(column, real)}' for column in columns)


if __name__ == "__main__":
    sys.exit(main())
