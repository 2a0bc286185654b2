"""What every test shares: the real clips where they lie beside the checkout; no ERROR may be logged."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.support.databases",
    "tests.support.cutting",
    "tests.support.objectstore",
    "tests.services.pairs",
]

settings.register_profile("moodreel", derandomize=True, deadline=None)
settings.load_profile("moodreel")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_media() -> Path:
    """The folder of real clips and photos; skips where it is absent."""
    folder = SHARED / "media"
    if not folder.is_dir():
        pytest.skip("the shared media are not here")
    return folder


@pytest.fixture(autouse=True)
def no_error_is_logged(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """An ERROR in the log fails the test, unless it is marked as expecting one."""
    yield
    if request.node.get_closest_marker("logs_errors"):
        return
    errors = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert not errors, f"logged: {errors}"
