"""A look at what there is: whole, or not at all."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.control import WalkInterrupted
from jobs.embedded import preview
from jobs.errors import ExitCode
from jobs.progress import Silent, Snapshot
from jobs.request import RunRequest
from tests.acceptance.folders import write_photo
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.settings import Settings, file_url


class Impatient(Silent):
    """Presses Ctrl-C as soon as anything is shown."""

    def show(self, now: Snapshot) -> None:
        """Whatever it is."""
        del now
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Ctrl-C is heard, though whoever runs the tests in the background may have had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_look_gives_no_numbers_of_half_of_what_there_is(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.jpg", 1)
    settings = Settings(workers=1, database_url=file_url(tmp_path / "moodreel.db"))
    request = RunRequest((bytes(tmp_path),), AnalysisSpec(Sampling(), DetectorSpec(), ScorerSpec("none")))
    with pytest.raises(WalkInterrupted) as stopped, preview(settings, request, Impatient()):
        pytest.fail("it went on")
    assert stopped.value.exit_code is ExitCode.INTERRUPTED
    with preview(settings, request, Silent()) as plan:
        assert plan.counts.files == 1
    assert not (tmp_path / "moodreel.db").exists()
