"""Tracks end to end: a run of a clip with two people gives two, here and on a fleet; the command assigns them anew."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from tests.acceptance.folders import views, write_photo
from tests.acceptance.runs import moodreel, sql
from tests.support.fleet import Fleet
from tests.support.postgres import Server

TRACKS = "SELECT track, count(*), min(time_s), max(time_s) FROM emotions WHERE path = 'two.mp4' GROUP BY 1 ORDER BY 1"
LEFT_TO_RIGHT = "SELECT count(*) FROM face WHERE track IS NOT NULL AND track <> face + 1"
STATES = "SELECT DISTINCT m.kind, a.track_state FROM media_analysis a JOIN media m ON m.id = a.media_id ORDER BY 1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of two people side by side, of whom nobody is seen for 3 s in the middle, and a photo."""
    folder = tmp_path_factory.mktemp("two people")
    write_photo(folder / "photo.jpg", 3)
    with av.open(str(folder / "two.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 180, "yuv420p"
        stream.codec_context.gop_size = 5
        for number, (left, right) in enumerate(zip(views(1, 50), views(9, 50), strict=True)):
            picture = np.hstack((left, right[:, ::-1] // 2))
            if 15 <= number < 30:
                picture[:] = 90
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        output.mux(stream.encode(None))
    return folder


def test_a_run_gives_each_person_a_track_and_keeps_no_look(folder: Path, tmp_path: Path) -> None:
    ended = moodreel("run", folder, "--fps", "5", cwd=tmp_path, MOODREEL_TRACK_GAP_S="4")
    assert ended.code == 0, ended.err
    database = tmp_path / "moodreel.db"
    assert sql(database, TRACKS) == [(1, 35, 0.0, 9.8), (2, 35, 0.0, 9.8)]
    assert sql(database, LEFT_TO_RIGHT) == [(0,)]
    assert sql(database, "SELECT count(appearance) FROM face") == [(0,)]
    assert sql(database, STATES) == [("photo", "none"), ("video", "assigned")]
    summary = "SELECT track, frames, share, end_s FROM track_summary ORDER BY 1"
    assert sql(database, summary) == [(1, 35, 0.7, 9.8), (2, 35, 0.7, 9.8)]

    shorter = moodreel("tracks", "latest", "--gap", "1s", "--json", cwd=tmp_path)
    assert shorter.code == 0, shorter.err
    assert json.loads(shorter.out) == {"videos": 1, "faces": 70, "tracks": 4, "failed": 0, "waiting": 0}
    assert [row[:2] for row in sql(database, TRACKS)] == [(1, 15), (2, 15), (3, 20), (4, 20)]

    longer = moodreel("tracks", "latest", "--gap", "4s", cwd=tmp_path)
    assert (longer.code, longer.err) == (0, "2 tracks in 1 video\n")
    assert sql(database, TRACKS) == [(1, 35, 0.0, 9.8), (2, 35, 0.0, 9.8)]


def test_a_run_again_assigns_what_has_none_and_leaves_the_rest_alone(folder: Path, tmp_path: Path) -> None:
    database = tmp_path / "moodreel.db"
    assert moodreel("run", folder, "--fps", "5", cwd=tmp_path).code == 0
    before = sql(database, "SELECT pts, face, track FROM face ORDER BY 1, 2")
    assert moodreel("run", folder, "--fps", "5", cwd=tmp_path).code == 0
    assert sql(database, "SELECT pts, face, track FROM face ORDER BY 1, 2") == before
    assert sql(database, "SELECT DISTINCT tracks_attempt FROM media_analysis ORDER BY 1") == [(0,), (1,)]
    again = moodreel("run", folder, "--fps", "5", cwd=tmp_path, MOODREEL_TRACK_GAP_S="4")
    assert "0 segments run" in again.out
    assert [row[:2] for row in sql(database, TRACKS)] == [(1, 35), (2, 35)]


@pytest.mark.parametrize("gap", ["soon", "-1s"])
def test_a_gap_that_is_none_is_refused(gap: str, tmp_path: Path) -> None:
    ended = moodreel("tracks", "latest", "--gap", gap, cwd=tmp_path)
    assert ended.code == 2
    assert "hint: " in ended.err


def test_a_fleet_finds_the_same_tracks(folder: Path, postgres: Server, tmp_path: Path) -> None:
    assert moodreel("run", folder, "--fps", "5", cwd=tmp_path).code == 0
    select = "SELECT path, pts, face, track FROM emotions ORDER BY path, pts, face"
    with Fleet({"main": folder}, server=postgres) as fleet:
        fleet.worker("--concurrency", "1")
        ended = moodreel("submit", folder, "--fps", "5", "--watch", cwd=fleet.programs.folder, **fleet.settings)
        assert ended.code == 0, ended.err
        assert fleet.rows(select) == sql(tmp_path / "moodreel.db", select)
        assert fleet.rows("SELECT count(appearance) FROM face") == [(0,)]
