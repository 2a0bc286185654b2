"""A report as one page that needs nothing else: its style and script stand inside, by hash the only ones it may run."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from db.emotions import EMOTIONS
from jobs.cli.output import printable
from jobs.report.facts import Report
from jobs.report.groups import STIMULUS, Estimate, Group
from jobs.report.payload import payload
from jobs.report.words import clock, interval, lead, percent, signed, title_of
from jobs.words import numbered

SCRIPTS = ("data", "draw", "table", "timeline", "stage", "viewer", "groups", "main")
"""In this order, as one."""


def render(report: Report) -> str:
    """The page. Whatever files, tags and problems say is shown, and runs nothing."""
    script, style = _script(), _asset("page.css")
    found: str = _template().render(
        report=report,
        title=title_of(report),
        lead=lead(report),
        policy=policy(script, style),
        style=Markup(style),  # noqa: S704  ours, as is the script; the payload is escaped
        script=Markup(script),  # noqa: S704
        payload=Markup(payload(report)),  # noqa: S704
        dominants=_dominants(report),
        problem_count=_problem_count(report),
        groups=[_group_table(tag, rows) for tag, rows in report.groups.items()],
        has_stimuli=any(STIMULUS in one.file.tags for one in report.files),
        emotions=EMOTIONS,
        shown=printable,
        clock=clock,
    )
    return found.encode("utf-8", "backslashreplace").decode("utf-8")


def policy(script: str, style: str) -> str:
    """Nothing may run, load or be sent but this script and style, and the recordings beside the page."""
    ours = "'self' file: blob:"
    rules = (
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        f"media-src {ours}",
        f"img-src {ours} data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(rules)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _asset(name: str) -> str:
    return (files("jobs.report") / "assets" / name).read_text("utf-8")


@cache
def _script() -> str:
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(_asset("page.html.j2"))


def _dominants(report: Report) -> list[dict[str, Any]]:
    """The bar of all faces, in the order of the emotions."""
    made, start = [], 0
    for place, name in enumerate(EMOTIONS):
        share = report.dominants.get(name, 0) / report.scored if report.scored else 0.0
        width = round(share * 1000)
        shown = percent(share)
        made.append({"place": place, "name": name, "share": share, "shown": shown, "start": start, "width": width})
        start += width
    return made if report.scored else []


def _problem_count(report: Report) -> str:
    count = len(report.problems) + max(0, report.problems_left_out)
    if not count:
        return ""
    return f"{numbered(count, 'problem')}: some of what was asked could not be analysed"


def _group_table(tag: str, rows: Sequence[Group]) -> dict[str, Any]:
    return {"tag": printable(tag), "rows": [_group_row(one) for one in rows if one.participants]}


def _group_row(group: Group) -> dict[str, Any]:
    return {
        "value": printable(group.value),
        "participants": group.participants,
        "cells": [_cell(group.shares, at) for at in range(len(EMOTIONS))],
        "valence": interval(float(group.valence.mean[0]), float(group.valence.half[0]), signed),
    }


def _cell(estimate: Estimate, at: int) -> dict[str, Any]:
    """One share as a bar from 0 to 100 % with its interval."""
    mean, half = float(estimate.mean[at]), float(estimate.half[at])
    low, high = max(0.0, mean - half) * 100, min(1.0, mean + half) * 100
    return {
        "width": round(mean * 100, 1),
        "whisker": (round(low, 1), round(high - low, 1)) if half == half else None,  # noqa: PLR0124  NaN is none
        "shown": interval(mean, half, percent),
    }
