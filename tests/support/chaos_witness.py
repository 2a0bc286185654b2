"""What a chaos run is judged by: while it lasts, that no segment ever goes back; at its end, that every row is there
that an undisturbed run gives, once, and no other.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.acceptance.fleets import Rows, adds_up
from tests.acceptance.runs import moodreel, sql
from tests.support.chaos_cast import Cast
from tests.support.fleet import Fleet

LOOK_EVERY_S = 1.0
_NUMBERS = "neutral, happiness, surprise, sadness, anger, disgust, fear, contempt"
_EVERYTHING = {
    "files": "SELECT j.name, f.path, f.error_code FROM job_file f JOIN job j ON j.id = f.job_id",
    "media": "SELECT path, sha256, kind, frame_count, duration_s FROM media",
    "segments": """
        SELECT a.sampling, m.path, s.ordinal, s.start_s, s.end_s, s.state FROM segment s
        JOIN media_analysis ma ON ma.id = s.media_analysis_id
        JOIN media m ON m.id = ma.media_id JOIN analysis a ON a.id = ma.analysis_id
    """,
    "frames": """
        SELECT a.sampling, f.path, f.pts, f.time_s, f.faces, f.status
        FROM frames f JOIN analysis a ON a.id = f.analysis
    """,
    "faces": f"""
        SELECT a.sampling, e.path, e.pts, e.face, e.time_s, e.box_x, e.box_y, e.box_width, e.box_height,
               e.confidence, e.dominant, {_NUMBERS}
        FROM emotions e JOIN analysis a ON a.id = e.analysis
    """,
    "problems": "SELECT path, code FROM problems",
}
WRONG = ("action=stint-broken", "action=claims-lost", "Exception in thread", "action=lane-error")
"""Words in a log that tell of a mistake of ours, whatever was injected."""


class Witness:
    """Looks at the segments now and then."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._seen: dict[int, tuple[int, str]] = {}
        self._next = 0.0

    @property
    def segments(self) -> int:
        """How many have been seen done."""
        return sum(state == "done" for _, state in self._seen.values())

    def look(self) -> None:
        """Assert that attempts only rise, and that what is done stays so."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LOOK_EVERY_S
        for number, attempt, state in self._cast.ask("SELECT id, attempt, state FROM segment") or ():
            before = self._seen.get(number, (0, "queued"))
            assert attempt >= before[0], f"segment {number} went back from attempt {before[0]} to {attempt}"
            assert before[1] != "done" or (attempt, state) == before, f"segment {number} was {before}, is {state}"
            self._seen[number] = attempt, state


def expected(media: Path, jobs: Sequence[str], place: Path) -> Rows:
    """Every row of the same jobs, run by nobody but `moodreel run`."""
    for sampling in jobs:
        ended = moodreel("run", media, "--every", sampling, "--name", sampling, "--quiet", cwd=place, timeout_s=600)
        assert ended.code == 0, ended.err
    return {name: sql(place / "moodreel.db", statement) for name, statement in _EVERYTHING.items()}


def require_the_same(fleet: Fleet, wanted: Rows) -> None:
    """Assert that a fleet found these rows, each as often."""
    adds_up(fleet)
    assert all(wanted[name] for name in ("files", "media", "segments", "frames", "faces"))
    for name, statement in _EVERYTHING.items():
        got, right = Counter(fleet.rows(statement)), Counter(wanted[name])
        lost, added = list((right - got).elements()), list((got - right).elements())
        assert not lost and not added, f"{name}: {len(lost)} lost {lost[:3]}, {len(added)} too many {added[:3]}"


def mistakes(fleet: Fleet) -> list[str]:
    """Lines of the logs that tell of a mistake."""
    found = []
    for log in sorted(fleet.programs.folder.glob("*.log")):
        lines = log.read_text("utf-8", "replace").splitlines()
        found += [f"{log.stem}: {line}" for line in lines if any(words in line for words in WRONG)]
    return found


def table(fleet: Fleet, injected: Mapping[str, int], more: Mapping[str, object]) -> str:
    """What was done to the fleet, and what it took."""
    segments = fleet.rows("SELECT count(*), sum(attempt), max(attempt), sum(failures), sum(expiries) FROM segment")
    names = ("segments", "attempts", "attempts at most", "failures charged", "leases that ran out")
    logs = [log.read_text("utf-8", "replace") for log in fleet.programs.folder.glob("*.log")]
    came_of_it = {
        "jobs": fleet.rows("SELECT count(*) FROM job")[0][0],
        **dict(zip(names, segments[0], strict=True)),
        "late outcomes refused": sum(log.count("action=outcome-refused") for log in logs),
        "frames": fleet.rows("SELECT count(*) FROM frame")[0][0],
        "faces": fleet.rows("SELECT count(*) FROM face")[0][0],
        **more,
    }
    parts = ({"INJECTED": sum(injected.values())}, dict(sorted(injected.items())), {"CAME OF IT": ""}, came_of_it)
    return "\n".join(f"{what:<44}{number:>9}" for part in parts for what, number in part.items())
