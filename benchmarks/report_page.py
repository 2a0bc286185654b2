"""How large the page of a report is, and how long a job of a million faces takes to become one.

    python -m benchmarks.report_page [--quick]

100 videos of 10 minutes at a frame a second with two people in it must fit into 8 MB; a page of 1,000,000 faces in
SQLite must be written within 30 s by the command as people type it. Exits with 1 when a target is missed.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.recordings import Shoot, fill
from db.store import Store

MOST_MB = 8.0
MOST_S = 30.0
ROUNDS = 2
SIZE = Shoot(videos=100, seconds=600, people=2)
TIME = Shoot(videos=250, seconds=2300, people=2)


@dataclass(frozen=True, slots=True)
class Measured:
    """One job and its page."""

    name: str
    faces: int
    page_mb: float
    rounds_s: tuple[float, ...]


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the videos, for a smoke test")
    part = 10 if parser.parse_args().quick else 1
    shoots = {"size": SIZE, "time": TIME}
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder:
        measured = [
            _measure(name, Shoot(shoot.videos // part, shoot.seconds, shoot.people), Path(folder) / name)
            for name, shoot in shoots.items()
        ]
    verdicts = _judge(*measured)
    for one in measured:
        rounds = ", ".join(f"{seconds:.1f} s" for seconds in one.rounds_s)
        print(f"{one.name:<6}{one.faces:>11,} faces{one.page_mb:>8.2f} MB   {rounds}")
    report.show(verdicts)
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('report-page', [asdict(one) for one in measured], passed)}")
    return 0 if passed else 1


def _measure(name: str, shoot: Shoot, folder: Path) -> Measured:
    folder.mkdir()
    url = f"sqlite:///{folder}/moodreel.db"
    print(f"{name}: filling ...", file=sys.stderr)
    with Store.open(url, create=True) as store:
        faces = store.jobs.counts(fill(store, name, shoot).id).faces
    page = folder / "report.html"
    command = [sys.executable, "-m", "jobs", "report", name, "--database", url, "--output", str(page), "--force"]
    rounds = []
    for _ in range(ROUNDS):
        started = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        rounds.append(time.monotonic() - started)
    return Measured(name, faces, page.stat().st_size / 1e6, tuple(rounds))


def _judge(size: Measured, wait: Measured) -> dict[str, bool]:
    best_s = min(wait.rounds_s)
    return {
        f"{size.page_mb:.2f} MB for {size.faces:,} faces, {MOST_MB:.0f} MB at most": size.page_mb <= MOST_MB,
        f"{best_s:.1f} s for {wait.faces:,} faces, {MOST_S:.0f} s at most": best_s <= MOST_S,
        f"{wait.page_mb:.2f} MB for {wait.faces:,} faces, {MOST_MB:.0f} MB at most": wait.page_mb <= MOST_MB,
    }


if __name__ == "__main__":
    sys.exit(main())
