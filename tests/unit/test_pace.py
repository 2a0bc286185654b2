"""How fast a job goes, told from what was committed lately."""

from dataclasses import replace

import pytest

from db.job_records import Committed
from db.records import JobCounts
from jobs.pace import Pace, frames_left, left_s, pace_of

COUNTS = JobCounts(
    files=10, files_failed=0, files_partial=0, files_done=0, skipped=0, segments=10, queued=4, running=2, done=4,
    failed=0, targets=250, frames=150, faces=0, media_s=250.0, media_done_s=150.0,
)  # fmt: skip


def test_the_first_second_only_starts_the_clock() -> None:
    assert pace_of([Committed(11.0, 999, 999.0), Committed(6.0, 30, 60.0), Committed(1.0, 20, 0.0)]) == Pace(5.0, 6.0)


def test_a_steady_pace_is_told_right_from_its_first_seconds_on() -> None:
    for seconds in (3, 10, 60):
        steady = [Committed(float(ago), 16, 0.0) for ago in range(seconds, 0, -1)]
        assert pace_of(steady) == Pace(16.0, 0.0)


@pytest.mark.parametrize(
    "commits", [[], [Committed(30.0, 16, 0.0)], [Committed(2.5, 16, 0.0), Committed(1.5, 16, 0.0)]]
)
def test_one_commit_or_a_moment_shows_no_pace(commits: list[Committed]) -> None:
    assert pace_of(commits) is None


def test_time_left_is_that_of_the_frames_to_come_at_this_pace() -> None:
    assert left_s(COUNTS, Pace(5.0, 0.0), walking=False) == 20.0
    assert left_s(COUNTS, Pace(5.0, 0.0), walking=True) is None
    assert left_s(COUNTS, Pace(0.0, 0.0), walking=False) is None
    assert left_s(COUNTS, None, walking=False) is None


def test_segments_that_failed_bring_no_frames() -> None:
    assert frames_left(replace(COUNTS, failed=6)) == 50.0
    assert frames_left(replace(COUNTS, queued=0, running=0, failed=6)) == 0.0
    assert frames_left(replace(COUNTS, queued=0, running=0, done=10, frames=250)) == 0.0
