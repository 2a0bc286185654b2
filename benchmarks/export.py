"""What an export costs beside the least it could: fetching the rows and writing them, with nothing in between.

    python -m benchmarks.export [--faces N]

One SQLite file with so many faces. In turns, each in a process of its own: `moodreel export` to Parquet; and a plain
sqlite3 fetch of the same rows, all at once, which are then made one Arrow table and written by pyarrow in one call.
What stands against the export is the fetch and the write alone: turning rows into columns is given to the plain way for
nothing. Exits with 1 when a target is missed.
"""

import argparse
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks import report
from benchmarks.photos import new_job
from db.records import ClaimedSegment, Face, Frame, JobFile, MediaFacts, SegmentCommit, SegmentSpec
from db.store import Store
from jobs.request import RunRequest
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec

MOST_RATIO = 1.5
MOST_MB = 400
ROUNDS = 3
FACES = 1_000_000
FACES_PER_FILE = 10_000
CONTESTANTS = ("export", "plain")
FORMATS = ("csv", "jsonl")
"""Written once, for the peak of their memory."""


@dataclass(frozen=True)
class Measured:
    """One round of one contestant."""

    name: str
    rows: int
    wall_s: float
    """What counts: all of an export; fetch and write of the plain way."""
    fetch_s: float
    columns_s: float
    write_s: float
    peak_mb: float


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=FACES, help="how many", metavar="N")
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS, metavar=("NAME", "FOLDER"))
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(asdict(_contest(asked.only[0], Path(asked.only[1])))))
        return 0
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder:
        _fill(Path(folder), asked.faces)
        measured = list(_measure_all(Path(folder)))
    verdicts = _judge(measured, asked.faces)
    _print(measured, verdicts)
    passed = all(verdicts.values())
    figures = {"rounds": [asdict(one) for one in measured], "ratio": _ratio(measured), "verdicts": verdicts}
    print(f"\nwritten to {report.write('export', figures, passed)}")
    return 0 if passed else 1


def _fill(folder: Path, faces: int) -> None:
    """A job of recordings with as many faces each."""
    print(f"{faces:,} faces ...", file=sys.stderr)
    with Store.open(f"sqlite:///{folder}/moodreel.db", create=True) as store:
        job = new_job(store, "export").id
        spec = AnalysisSpec(Sampling(), DetectorSpec(), ScorerSpec())
        store.jobs.allow(job, None, None, RunRequest((b"/data",), spec).to_json())
        store.intake.admit(job, [_recording(number) for number in range(faces // FACES_PER_FILE)])
        store.jobs.seal(job)
        rng = random.Random(1)
        while claimed := store.segments.claim("benchmark", 600.0, 1):
            (outcome,) = store.segments.commit([_result(claimed[0], rng)])
            assert outcome.accepted


def _recording(number: int) -> JobFile:
    facts = MediaFacts(
        "video", "mp4", "h264", 1280, 720, time_base_num=1, time_base_den=1000, end_pts=40 * FACES_PER_FILE,
        duration_s=FACES_PER_FILE / 25, fps=25.0, frame_count=FACES_PER_FILE,
    )  # fmt: skip
    name = f"participant {number % 30:02d}/session {number:04d}.mp4"
    whole = SegmentSpec(0, 0, None, 0, None, 0.0, facts.duration_s, FACES_PER_FILE, 100.0)
    return JobFile(
        b"/data", name.encode(), name, 1000, 1, sha256=f"{number:064x}", facts=facts, segments=(whole,),
        tags={"participant": f"P{number % 30:02d}", "condition": "ab"[number % 2]},
    )  # fmt: skip


def _result(claimed: ClaimedSegment, rng: random.Random) -> SegmentCommit:
    return SegmentCommit(claimed.fence, tuple(Frame(at * 40, at * 0.04, (_face(rng),)) for at in range(FACES_PER_FILE)))


def _face(rng: random.Random) -> Face:
    weights = [rng.expovariate(1.0) for _ in range(8)]
    scores = tuple(weight / sum(weights) for weight in weights)
    box = [rng.uniform(0, 600) for _ in range(4)]
    return Face(box[0], box[1], box[2], box[3], tuple(rng.uniform(0, 600) for _ in range(10)), rng.random(), scores)


def _measure_all(folder: Path) -> Iterator[Measured]:
    """In turns, so that a slow minute of the machine hits both."""
    for number in range(ROUNDS):
        for name in CONTESTANTS:
            print(f"{name} {number} ...", file=sys.stderr)
            yield _apart(name, folder)
    for name in FORMATS:
        print(f"{name} ...", file=sys.stderr)
        yield _apart(name, folder)


def _apart(name: str, folder: Path) -> Measured:
    """One contestant in a process of its own, whose memory is its own."""
    run = [sys.executable, "-m", "benchmarks.export", "--only", name, str(folder)]
    done = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout))


def _contest(name: str, folder: Path) -> Measured:
    return _plain(folder) if name == "plain" else _export(folder, "parquet" if name == "export" else name, name)


def _export(folder: Path, form: str, name: str) -> Measured:
    from jobs.export.job import ExportRequest, export_job

    with Store.open(f"sqlite:///{folder}/moodreel.db") as store:
        job = store.jobs.find("latest")
        started = time.monotonic()
        rows = export_job(store, job, ExportRequest(folder / f"export.{form}", force=True))
        wall_s = time.monotonic() - started
    return Measured(name, rows, wall_s, 0.0, 0.0, 0.0, _peak_mb())


def _plain(folder: Path) -> Measured:
    import pyarrow as pa
    import pyarrow.parquet as pq

    connection = sqlite3.connect(folder / "moodreel.db")
    moments = [time.monotonic()]
    cursor = connection.execute("SELECT * FROM job_emotions")
    rows = cursor.fetchall()
    moments.append(time.monotonic())
    names = [column[0] for column in cursor.description]
    table = pa.table(dict(zip(names, map(pa.array, zip(*rows, strict=True)), strict=True)))
    moments.append(time.monotonic())
    pq.write_table(table, folder / "plain.parquet", compression="zstd")
    moments.append(time.monotonic())
    connection.close()
    fetch_s, columns_s, write_s = (after - before for before, after in pairwise(moments))
    return Measured("plain", len(rows), fetch_s + write_s, fetch_s, columns_s, write_s, _peak_mb())


def _peak_mb() -> float:
    """The most memory that this process has held."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _ratio(measured: list[Measured]) -> float:
    export, plain = (statistics.median(one.wall_s for one in measured if one.name == name) for name in CONTESTANTS)
    return export / plain


def _judge(measured: list[Measured], faces: int) -> dict[str, bool]:
    """The targets, in words, and whether each was met."""
    ratio = _ratio(measured)
    peak_mb = max(one.peak_mb for one in measured if one.name != "plain")
    return {
        f"{ratio:.2f} times a plain fetch and write, {MOST_RATIO} at most": ratio <= MOST_RATIO,
        f"{peak_mb:.0f} MB at its peak, below {MOST_MB}": peak_mb < MOST_MB,
        "every face is written": {one.rows for one in measured} == {faces},
    }


def _print(measured: list[Measured], verdicts: dict[str, bool]) -> None:
    print("".join(f"{title:>12}" for title in ("", "rows", "seconds", "fetch", "columns", "write", "peak MB")))
    for one in measured:
        numbers = (one.wall_s, one.fetch_s, one.columns_s, one.write_s)
        seconds = "".join(f"{number:>12.2f}" if number else f"{'':>12}" for number in numbers)
        print(f"{one.name:>12}{one.rows:>12,}{seconds}{one.peak_mb:>12.0f}")
    report.show(verdicts)


if __name__ == "__main__":
    sys.exit(main())
