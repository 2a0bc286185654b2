"""A scorer of somebody else: the example of the how-to page works as it stands there, and a bad one is told off."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jobs.proof import IN_A_CHILD
from tests.acceptance.runs import Ended, moodreel, sql
from tests.services.pairs import PORTRAIT, ROOT
from tests.support import thirdparty
from workers.scoring.contract import CHECKS

PAGE = (ROOT / "docs" / "howto" / "add-a-scorer.md").read_text("utf-8")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path that holds the page's package, built and unpacked as it is installed."""
    folder = tmp_path_factory.mktemp("example")
    for name, language in (("pyproject.toml", "toml"), ("moodreel_openmouth.py", "python")):
        (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
        (folder / name).write_text(block)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    return folder / "installed"


def with_package(folder: Path, *arguments: str | Path, cwd: Path) -> Ended:
    return moodreel(*arguments, cwd=cwd, PYTHONPATH=f"{ROOT}:{folder}")


def test_the_page_names_every_promise() -> None:
    listed = re.findall(r"^\* (.+)$", PAGE, re.M)
    assert listed == [*(check.promise for check in CHECKS), IN_A_CHILD]


def test_the_example_keeps_every_promise(example: Path, tmp_path: Path) -> None:
    ended = with_package(example, "scorers", "--check", "openmouth", cwd=tmp_path)
    assert (ended.code, ended.err) == (0, "")
    assert re.findall(r"^ +ok  (.+)$", ended.out, re.M) == re.findall(r"^\* (.+)$", PAGE, re.M)


def test_the_example_is_listed_and_scores_what_a_run_finds(example: Path, tmp_path: Path) -> None:
    listed = {card["name"]: card for card in with_package(example, "scorers", "--json", cwd=tmp_path).summary}
    assert listed["openmouth"]["description"] == "from moodreel-openmouth 1.0"
    assert (listed["openmouth"]["runs"], listed["azure"]["runs"]) == ("here", "over the network")
    assert (listed["azure"]["rate_per_s"], listed["azure"]["usd_per_1000"]) == (10.0, 1.0)
    (tmp_path / "portrait.jpg").write_bytes(PORTRAIT)
    assert with_package(example, "run", "portrait.jpg", "--scorer", "openmouth", cwd=tmp_path).code == 0
    ((neutral, happiness, surprise),) = sql(
        tmp_path / "moodreel.db", "SELECT neutral, happiness, surprise FROM emotions"
    )
    assert neutral + surprise == pytest.approx(1, abs=1e-6)
    assert happiness == 0
    assert 0 < surprise < 1


def test_a_scorer_that_breaks_a_promise_is_told_which_and_why_and_what_it_prints_is_not_in_the_way(
    tmp_path: Path,
) -> None:
    thirdparty.install(tmp_path, chatty="moodreel_brightness:ChattyLogits")
    ended = with_package(tmp_path, "scorers", "--check", "chatty", "--json", cwd=tmp_path)
    assert ended.code == 1
    assert "as a stranger may" in ended.err
    broken = {one["promise"]: one["reason"] for one in json.loads(ended.out) if not one["ok"]}
    assert "from 3.0 to 3.0" in broken.pop(CHECKS[1].promise)
    assert "no 1 rows of 8 probabilities" in broken.pop(IN_A_CHILD)
    assert not broken
    shown = with_package(tmp_path, "scorers", "--check", "chatty", cwd=tmp_path)
    assert f"broken  {CHECKS[1].promise}: it gave values from 3.0 to 3.0" in shown.out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("azure", "moodreel doctor --service azure"),
        ("nobody", "the scorers are: ferplus"),
        ("ferplus-zoo", "moodreel models fetch ferplus-zoo"),
    ],
)
def test_what_cannot_be_checked_is_said_with_a_hint(tmp_path: Path, name: str, hint: str) -> None:
    ended = moodreel("scorers", "--check", name, cwd=tmp_path, MOODREEL_MODEL_CACHE=str(tmp_path))
    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err
