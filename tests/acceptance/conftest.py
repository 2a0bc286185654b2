"""What acceptance tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleets import Rows, undisturbed
from tests.acceptance.folders import forty_files, twelve_faces
from tests.support.fleet import Fleet
from tests.support.postgres import Server


@pytest.fixture(scope="session")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty small recordings, two of them unreadable."""
    return forty_files(tmp_path_factory.mktemp("forty"))


@pytest.fixture(scope="session")
def twelve(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings with twelve faces."""
    return twelve_faces(tmp_path_factory.mktemp("twelve"))


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What is to be found, frame by frame, in the `folder` of a module."""
    return undisturbed(folder, tmp_path_factory.mktemp("undisturbed"), "--every-frame")


@pytest.fixture
def fleet(folder: Path, postgres: Server) -> Iterator[Fleet]:
    """Servers for the `folder` of a module, and nobody at work yet."""
    with Fleet({"main": folder}, server=postgres) as opened:
        yield opened
