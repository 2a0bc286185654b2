"""Files that fuzzing once made stumble, and those that it begins with: each is read, or refused in our own words."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS
from tests.support.video import probed

REGRESSIONS = sorted((Path(__file__).parents[1] / "fuzz" / "regressions").glob("*.bin"))


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: path.stem)
def test_what_once_made_us_stumble_is_read_or_refused(path: Path, target: Callable[[bytes], None]) -> None:
    target(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
@pytest.mark.parametrize("ending", seeds())
def test_what_fuzzing_begins_with_is_sound(ending: str, target: Callable[[bytes], None], tmp_path: Path) -> None:
    target(seeds()[ending])
    path = tmp_path / f"seed{ending}"
    path.write_bytes(seeds()[ending])
    if ending != ".gif":  # which is known, and not read
        assert probed(path).facts is not None
