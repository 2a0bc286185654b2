"""What acceptance tests share."""

from pathlib import Path

import pytest

from tests.acceptance.folders import forty_files


@pytest.fixture(scope="session")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty small recordings, two of them unreadable."""
    return forty_files(tmp_path_factory.mktemp("forty"))
