"""Segments that take their child with them, through the real commands of a fleet: each fails after its three failures
with its reason, and the others are done.
"""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.fleets import Rows, found, undisturbed
from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import clean_environment
from tests.support import treacherous
from tests.support.fleet import Fleet
from tests.support.postgres import Server

CODES = {"hangs": "child.timeout", "grows": "child.memory", "is_killed": "child.killed", "crashes": "child.crashed"}
SCORER = ("--scorer", treacherous.NAME)
LIMITS = {"MOODREEL_CHILD_TIMEOUT_S": "4", "MOODREEL_CHILD_MEMORY_MB": "400"}
FAILED = """
    SELECT m.path, s.error_code, s.attempt >= 3, s.failures, s.error_reason <> '' AND s.error_hint <> ''
    FROM segment s JOIN media_analysis a ON a.id = s.media_analysis_id JOIN media m ON m.id = a.media_id
    WHERE s.state = 'failed' ORDER BY 1
"""


@pytest.fixture
def python_path(tmp_path: Path) -> str:
    """Where Python finds the scorer."""
    place = tmp_path / "site"
    place.mkdir()
    treacherous.install(place)
    return f"{place}:{clean_environment()['PYTHONPATH']}"


def write_good(folder: Path) -> None:
    for number in range(8):
        write_photo(folder / f"good-{number}.jpg", number)
    write_clip(folder / "good.mp4", 9)


def good_rows(tables: Rows) -> Rows:
    return {name: [row for row in rows if str(row[0]).startswith("good")] for name, rows in tables.items()}


def test_what_takes_its_child_with_it_each_time_fails_with_its_reason_and_the_others_are_done(
    tmp_path: Path, python_path: str, postgres: Server
) -> None:
    oracle, media = tmp_path / "oracle", tmp_path / "media"
    oracle.mkdir()
    write_good(oracle)
    shutil.copytree(oracle, media)  # an encoder may write the same clip in other bytes
    for number, harm in enumerate(CODES):
        treacherous.write_victim(media / f"bad-{harm}.jpg", harm, number)
    expected = undisturbed(oracle, tmp_path / "undisturbed", *SCORER, PYTHONPATH=python_path)
    assert len(expected["faces"]) == 8 + 2
    with Fleet({"main": media}, server=postgres, PYTHONPATH=python_path, **LIMITS) as fleet:
        fleet.await_ready(*[fleet.worker("--concurrency", "1") for _ in range(2)])
        job = fleet.run("submit", media, *SCORER).strip()
        fleet.await_finished(job)
        assert good_rows(found(fleet)) == expected
        # One that waited behind another in the hands of a child is given back untouched: an attempt, and no failure.
        failed = {path: (code, *rest) for path, code, *rest in fleet.rows(FAILED)}
        assert failed == {f"bad-{harm}.jpg": (code, True, 3, True) for harm, code in CODES.items()}
        others = fleet.rows("SELECT DISTINCT state, failures FROM segment WHERE state <> 'failed'")
        assert others == [("done", 0)]
        status = fleet.run("status")
        assert "finished (some failed)" in status
        assert all(code in status for code in CODES.values())
