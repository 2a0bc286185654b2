"""The documentation is true: pages match the code, every command and setting is named, links lead somewhere."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from workers.knobs import KNOBS

ROOT = Path(__file__).parents[2]
PROSE = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES: dict[str, str] = _generator().pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says_now(name: str) -> None:
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == PAGES[name], "run `make docs`"


def test_every_command_shown_to_people_exists() -> None:
    known = set(re.findall(r"## `(moodreel [\w ]+)`", PAGES["cli.md"]))
    firsts = {command.split()[1] for command in known}
    for page in PROSE:
        for shown in re.findall(r"^\$? ?moodreel (\w+)", page.read_text("utf-8"), re.MULTILINE):
            assert shown in firsts, f"{page.name} shows `moodreel {shown}`"


def test_every_setting_is_documented() -> None:
    for knob in KNOBS.values():
        assert f"`{knob.variable}`" in PAGES["settings.md"]


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_docs_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
