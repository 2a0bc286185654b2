"""What the how-to pages tell people to type exists, and they explain all that the compose file can be told."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.compose import COMPOSE, ROOT, SERVICES, WRITTEN, understood

HOWTO = sorted((ROOT / "docs" / "howto").glob("*.md"))


@pytest.mark.parametrize("page", HOWTO, ids=lambda page: page.name)
def test_every_command_of_the_how_to_pages_exists(page: Path) -> None:
    shown = [line for block in _blocks(page, "") for line in _lines(block)]
    assert shown
    for line in shown:
        words = shlex.split(re.split(r" [|<>&]", line)[0])
        if words[:2] == ["docker", "compose"]:
            words = _inside(words[2:])
        if words[:1] == ["moodreel"]:
            understood(words[1:])


def test_the_overrides_of_the_how_to_pages_keep_to_the_specification_and_change_services_that_there_are(
    tmp_path: Path,
) -> None:
    overrides = [block for page in HOWTO for block in _blocks(page, "yaml")]
    assert overrides
    for number, text in enumerate(overrides):
        (tmp_path / f"{number}.yml").write_text(text)
        override = YAML(typ="safe", pure=True).load(text)
        assert set(override["services"]) <= set(SERVICES)
        networks = set(WRITTEN["networks"]) | set(override["networks"])
        assert all(set(service["networks"]) <= networks for service in override["services"].values())
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, *tmp_path.iterdir()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _blocks(page: Path, language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [block for name, block in fenced if name == language]


def _lines(block: str) -> Iterator[str]:
    yield from (line.partition("  #")[0] for line in block.replace("\\\n", " ").splitlines() if line)


def _inside(words: list[str]) -> list[str]:
    """What a `docker compose` command starts in a container. Fails where it names a service that there is not."""
    if words[0] == "--profile":
        assert any(words[1] in service.get("profiles", ()) for service in SERVICES.values()), words[1]
        words = words[2:]
    verb, *rest = words
    names = [word.partition("=")[0] for word in rest if not word.startswith("-")]
    starts = verb in ("run", "exec")
    for name in names[:1] if starts else names:
        assert name in SERVICES, f"docker compose {shlex.join(words)}"
    inside = rest[rest.index(names[0]) + 1 :] if starts else []
    return ["moodreel", *inside] if verb == "run" else inside


def test_every_variable_of_the_compose_file_is_explained() -> None:
    pages = "".join(page.read_text() for page in HOWTO)
    for name in set(re.findall(r"\$\{(\w+)", COMPOSE.read_text())):
        assert f"`{name}`" in pages, name
