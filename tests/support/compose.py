"""The compose file as the engine sees it, and the command line as its services and the how-to pages call it."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer.main
from ruamel.yaml import YAML

from jobs.cli.app import app

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"

SERVERS = {"postgres", "redis"}
PASSWORD = "0123456789abcdef"  # noqa: S105  made up for the tests
ENVIRONMENT = {"POSTGRES_PASSWORD": PASSWORD, "REDIS_PASSWORD": PASSWORD, "MEDIA_DIR": "/srv/recordings"}
"""All that .env must hold."""
_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::(?P<how>[-?+])(?P<rest>[^}]*))?\})")


def interpolated(value: Any, environment: Mapping[str, str] = ENVIRONMENT) -> Any:
    """A value of the compose file as the engine sees it."""
    if isinstance(value, dict):
        return {key: interpolated(one, environment) for key, one in value.items()}
    if isinstance(value, list):
        return [interpolated(one, environment) for one in value]
    return _VARIABLE.sub(lambda match: _value(match, environment), value) if isinstance(value, str) else value


def _value(match: "re.Match[str]", environment: Mapping[str, str]) -> str:
    if match["dollar"]:
        return "$"
    given = environment.get(match["name"])
    if match["how"] == "+":
        return str(match["rest"]) if given else ""
    assert given or match["how"] == "-", f"{match['name']} is wanted and has no default"
    return given or str(match["rest"])


WRITTEN: dict[str, Any] = YAML(typ="safe", pure=True).load(COMPOSE.read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = interpolated(WRITTEN["services"])
OURS = {name: service for name, service in SERVICES.items() if name not in SERVERS}


def understood(argv: list[str]) -> None:
    """Fails unless `moodreel` takes these words: the command, its options, their values. Nothing is run."""
    command: Any = typer.main.get_command(app)
    assert argv, "no command"
    if argv == ["--help"]:
        return
    words = list(argv)
    while hasattr(command, "commands"):
        assert words, f"moodreel {shlex.join(argv)} is a group"
        assert words[0] in command.commands, f"there is no moodreel {shlex.join(argv)}"
        command = command.commands[words.pop(0)]
    command.make_context("moodreel", words)
