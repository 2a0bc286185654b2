"""The oracle of a fleet under fire: what an undisturbed `moodreel run` of the same folder finds, row for row."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.runs import FACES, moodreel, rows
from tests.support.fleet import Fleet

Rows = dict[str, list[tuple[Any, ...]]]

_STATEMENTS = {
    "media": "SELECT path, sha256, kind, frame_count, duration_s FROM media",
    "frames": "SELECT path, pts, time_s, faces, status FROM frames",
    "faces": FACES,
    "problems": "SELECT path, code FROM problems GROUP BY path, code",
}
_DOUBLED = (
    "SELECT media_analysis_id, pts FROM frame GROUP BY 1, 2 HAVING count(*) > 1",
    "SELECT media_analysis_id, pts, face FROM face GROUP BY 1, 2, 3 HAVING count(*) > 1",
)
_COUNTS = """
    SELECT a.id FROM media_analysis a WHERE
        (a.segments_done, a.segments_failed) <> (
            SELECT count(*) FILTER (WHERE state = 'done'), count(*) FILTER (WHERE state = 'failed')
            FROM segment WHERE media_analysis_id = a.id
        )
        OR a.frames <> (SELECT count(*) FROM frame WHERE media_analysis_id = a.id)
        OR a.faces <> (SELECT count(*) FROM face WHERE media_analysis_id = a.id)
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the segments of a fleet went through, in the order of their ids."""

    states: list[str]
    attempts: list[int]
    failures: list[int]
    expiries: list[int]


def undisturbed(folder: Path, place: Path, *options: str, **environment: str) -> Rows:
    """What an embedded run of `folder` finds, in a database of its own below `place`."""
    place.mkdir(parents=True, exist_ok=True)
    ended = moodreel("run", folder, *options, "--json", cwd=place, **environment)
    assert ended.code in (0, 1), ended.err  # 1: some file cannot be read, and that is part of what is compared
    assert ended.summary["ending"] == "finished", ended.err
    return _sorted(rows(place / "moodreel.db"))


def found(fleet: Fleet) -> Rows:
    """What a fleet has found."""
    return _sorted({name: fleet.rows(statement) for name, statement in _STATEMENTS.items()})


def agrees(fleet: Fleet, expected: Rows) -> None:
    """Assert that no row is lost, none is there twice, none differs, and that what is counted adds up."""
    adds_up(fleet)
    got = found(fleet)
    for name, wanted in expected.items():
        lost, added = _without(wanted, got[name]), _without(got[name], wanted)
        assert not lost and not added, f"{name}: {lost[:3]} lost, {added[:3]} too many\n{fleet.tails()}"
        assert got[name] == wanted


def adds_up(fleet: Fleet) -> None:
    """Assert that no row is there twice, and that what is counted is what is there."""
    for statement in (*_DOUBLED, _COUNTS):
        assert fleet.rows(statement) == [], fleet.tails()


def trace(fleet: Fleet) -> Trace:
    """What became of every segment."""
    columns = fleet.rows("SELECT state, attempt, failures, expiries FROM segment ORDER BY id")
    return Trace(*([row[number] for row in columns] for number in range(4)))


def _without(these: Iterable[tuple[Any, ...]], others: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    known = set(others)
    return [row for row in these if row not in known]


def _sorted(tables: Rows) -> Rows:
    """The databases need not agree on the order of names."""
    return {name: sorted(found, key=repr) for name, found in tables.items()}
