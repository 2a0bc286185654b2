"""The main job on the real clips: what they are known to hold is what ends up in the database."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.acceptance.runs import Ended, moodreel, rows, sql

DOMINANT = "SELECT dominant, count(*) FROM emotions GROUP BY 1"


@pytest.fixture(scope="module")
def folder(shared_media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the database of one run at a frame a second."""
    folder = tmp_path_factory.mktemp("real")
    ended = moodreel("run", shared_media, "--every", "1s", cwd=folder)
    assert ended.code == 0, ended.err
    return folder


def faces_per_frame(folder: Path, name: str) -> list[int]:
    return [faces for (faces,) in sql(folder / "moodreel.db", f"SELECT faces FROM frames WHERE path = '{name}'")]


def test_a_clip_of_one_face_has_one_in_every_sampled_frame(folder: Path) -> None:
    assert faces_per_frame(folder, "single_face.mp4") == [1, 1, 1]


def test_a_clip_without_a_face_has_frames_and_no_faces(folder: Path) -> None:
    assert faces_per_frame(folder, "no_face.mp4") == [0] * 5


def test_a_group_photo_has_its_five_faces(folder: Path) -> None:
    assert faces_per_frame(folder, "multi_face.jpg") == [5]


def test_times_of_a_variable_rate_clip_are_its_timestamps(folder: Path, shared_media: Path) -> None:
    with av.open(str(shared_media / "face_noface.mov")) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        start = Fraction(container.start_time or 0, 1_000_000)
        times = sorted(p.pts * stream.time_base - start for p in container.demux(stream) if p.pts is not None)
    # On screen at each whole second from the first frame on: the last frame not later.
    targets = [times[0] + second for second in range(int(times[-1] - times[0]) + 1)]
    expected = [max(time for time in times if time <= target) for target in targets]
    stored = sql(folder / "moodreel.db", "SELECT time_s FROM frames WHERE path = 'face_noface.mov' ORDER BY 1")
    assert [time for (time,) in stored] == pytest.approx([float(time) for time in expected], abs=5e-7)


def test_submitting_again_analyses_nothing_and_changes_no_answer(folder: Path, shared_media: Path) -> None:
    database = folder / "moodreel.db"
    before, found = sql(database, DOMINANT), rows(database)
    again = moodreel("run", shared_media, "--every", "1s", cwd=folder)
    assert again.code == 0, again.err
    assert "0 segments run" in again.out
    assert sql(database, DOMINANT) == before
    assert rows(database) == found


def test_another_rate_reuses_the_photos(folder: Path, shared_media: Path) -> None:
    ended: Ended = moodreel("run", shared_media, "--every", "2s", "--json", cwd=folder)
    assert ended.code == 0, ended.err
    assert ended.summary["segments_run"] == 4
    assert ended.summary["segments_reused"] == 2
