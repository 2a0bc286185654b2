"""A short chaos run; `make chaos SEED=n` is the long one."""

import re
from pathlib import Path

from tests.support.chaos import SHORT, run


def test_a_fleet_whose_parts_are_killed_at_random_ends_row_for_row_like_a_run_that_nobody_disturbs(
    tmp_path: Path,
) -> None:
    told = run(1, SHORT, tmp_path)
    assert int(re.findall(r"INJECTED +(\d+)", told)[0]) >= 6, told
