"""What comes from elsewhere is bounded and known: versions have an upper end, models a hash, promises their tests."""

import re
import tomllib
from pathlib import Path

from workers.models.catalogue import MODELS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NO_BOUND_NEEDED = frozenset(("hatchling",))
"""The build's own tool: pip asks for its version apart."""


def test_every_dependency_has_an_upper_bound() -> None:
    asked = [*PROJECT["dependencies"], *(one for extra in PROJECT["optional-dependencies"].values() for one in extra)]
    others = [one for one in asked if not one.startswith("moodreel[")]
    unbounded = {re.split(r"[\[<>=]", one)[0] for one in others if "<" not in one}
    assert unbounded == NO_BOUND_NEEDED
    assert len(others) > 30


def test_every_model_has_a_hash() -> None:
    assert all(re.fullmatch(r"[0-9a-f]{64}", card.sha256) for card in MODELS.values())
    assert len(MODELS) >= 3


def test_every_promise_of_the_security_page_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    promises = re.findall(r"^\| \d+ \|.*$", page, re.MULTILINE)
    named = [
        re.findall(r"`(tests/[\w/]+\.py)`|`make (\w+)`", promise.rpartition("|")[0].rpartition("|")[2])
        for promise in promises
    ]
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert len(promises) >= 11
    for promise, tests in zip(promises, named, strict=True):
        assert tests, promise
        assert all((ROOT / path).exists() if path else target in targets for path, target in tests), promise
