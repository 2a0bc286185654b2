"""Records as column values."""

from dataclasses import fields
from typing import Any

from db.records import MediaFacts, Problem
from db.text import storable

FACTS = tuple(field.name for field in fields(MediaFacts) if field.name != "partial")
"""The columns of `media` that hold MediaFacts under the same name."""


def problem_columns(problem: Problem | None) -> dict[str, Any]:
    """The three columns that hold a problem, or NULLs."""
    if problem is None:
        return {"error_code": None, "error_reason": None, "error_hint": None}
    return {
        "error_code": storable(problem.code),
        "error_reason": storable(problem.reason),
        "error_hint": storable(problem.hint),
    }
