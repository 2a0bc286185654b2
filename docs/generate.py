"""Writes the reference pages that are made from the code: `make docs`. A test holds the pages against it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
_CODE = re.compile(r"[a-z]+\.[a-z_]+")
_MADE = "<!-- Made from the code by `make docs`. -->\n"


def pages() -> dict[str, str]:
    """The text of every generated page by its file name."""
    return {
        "cli.md": command_line(),
        "settings.md": settings(),
        "schema.md": schema(),
        "queries.md": queries(),
        "problems.md": problems(),
    }


def command_line() -> str:
    """Every command with its arguments and options."""
    import typer.main

    from jobs.cli.app import app

    root: Any = typer.main.get_command(app)
    parts = [_MADE, "# The command line\n", f"{root.help}\n", f"{root.epilog}\n"]
    for path, command in _commands("moodreel", root):
        usage = " ".join(name for name in _usage(command))
        parts.append(f"## `{path}`\n\n{_dedent(command.help)}\n\n```\n{path} {usage}\n```\n")
        rows = [_option_row(one) for one in command.params if one.name != "help"]
        parts.append(_table(("option", "default", "meaning"), rows))
    return "\n".join(parts)


def _commands(prefix: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(f"{prefix} {name}", command)
        else:
            yield f"{prefix} {name}", command


def _usage(command: Any) -> Iterator[str]:
    yield from (one.metavar or one.name.upper() for one in command.params if one.param_type_name == "argument")
    yield "[OPTIONS]"


def _option_row(one: Any) -> tuple[str, str, str]:
    if one.param_type_name == "argument":
        return f"`{one.metavar}`", "", one.help or ""
    name = ", ".join(f"`{opt}`" for opt in one.opts)
    value = "" if one.is_flag else f" `{one.metavar or one.type.name}`"
    default = "" if one.default in (None, False) or one.required else f"`{one.default}`"
    return name + value, default, one.help or ""


def _dedent(text: str | None) -> str:
    return re.sub(r"\n +", "\n", (text or "").strip())


def settings() -> str:
    """Every setting."""
    from workers.knobs import KNOBS

    rows = [
        (
            f"`{knob.variable}`",
            "not there" if knob.secret else f"`{knob.name}`",
            knob.shown_default or str(knob.default),
            _range(knob),
            knob.help,
        )
        for knob in KNOBS.values()
    ]
    intro = (
        "Options win over variables, variables over `moodreel.toml` in the folder where the command is started. "
        "`moodreel doctor` points out variables that are none of ours.\n"
    )
    table = _table(("variable", "in moodreel.toml", "default", "range", "meaning"), rows)
    return "\n".join((_MADE, "# Settings\n", intro, table))


def _range(knob: Any) -> str:
    return "" if knob.low is None else f"{knob.low:,} to {knob.high:,}"


def schema() -> str:
    """Every table and view."""
    from db.describe import describe

    parts = [
        _MADE,
        "# The database\n",
        "Query the views; the tables are what they are made of. Times of day are UTC, `time_s` counts from a "
        "recording's start. The same on SQLite and PostgreSQL.\n",
    ]
    for relation in describe():
        parts.append(f"## {relation.kind.capitalize()} `{relation.name}`\n\n{relation.sentence}\n")
        rows = [(f"`{column.name}`", column.type, column.sentence) for column in relation.columns]
        parts.append(_table(("column", "type", "meaning"), rows))
        if relation.example:
            parts.append(f"```sql\n{relation.example};\n```\n")
    return "\n".join(parts)


def queries() -> str:
    """Every saved query."""
    from db.query_saved import all_saved

    parts = [
        _MADE,
        "# Saved queries\n",
        "`moodreel query @NAME` asks one; `--param NAME=VALUE` gives a parameter. They answer alike on SQLite and "
        "PostgreSQL. [How to query results](../howto/query-results.md) says how to keep your own.\n",
    ]
    for saved in all_saved():
        parts.append(f"## `@{saved.name}`\n\n{saved.title}\n")
        params = [
            (f"`{one.name}`", "" if one.default is None else f"`{one.default}`", one.sentence) for one in saved.params
        ]
        parts.append(_table(("parameter", "default", "meaning"), params))
        parts.append(_table(("column", "meaning"), [(f"`{name}`", sentence) for name, sentence in saved.columns]))
    return "\n".join(parts)


def problems() -> str:
    """Every problem code, with what it says."""
    rows = sorted({row for source in _sources() for row in _problem_calls(source)})
    intro = (
        "What the view `problems` can say. A code is stable; reasons and hints may be worded better one day. "
        "`...` stands for what belongs to the file at hand.\n"
    )
    return "\n".join((_MADE, "# Problem codes\n", intro, _table(("code", "reason", "hint"), rows)))


def _sources() -> Iterator[Path]:
    for room in ("jobs", "workers", "db"):
        yield from sorted((ROOT / room).rglob("*.py"))


def _problem_calls(source: Path) -> Iterator[tuple[str, str, str]]:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call) and len(node.args) >= 3:
            code, reason, hint = (_text(argument) for argument in node.args[:3])
            if code and _CODE.fullmatch(code):
                yield f"`{code}`", reason or "...", hint or "..."


def _text(node: ast.expr) -> str | None:
    """A string as it stands in the code; what is filled in becomes an ellipsis."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "..." for part in node.values)
    if isinstance(node, ast.BinOp):
        return f"{_text(node.left) or '...'}{_text(node.right) or '...'}"
    return None


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, "utf-8")
