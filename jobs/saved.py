"""Saved queries as people ask for them: where theirs lie, and which job is meant."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from db.query_params import read_value
from db.query_saved import find_saved
from db.store import Store

FOLDER = "queries"
JOB = "job"
"""A parameter of this name takes a job as every command does: an id, an end of one, a name or `latest`."""


@dataclass(frozen=True, slots=True)
class Question:
    """A statement with the values it wants."""

    sql: str
    params: Mapping[str, str]


def folders() -> list[Path]:
    """Where a person's own queries lie: in `queries` here, and in that of their settings."""
    from platformdirs import user_config_path

    return [Path(FOLDER), user_config_path("moodreel", appauthor=False) / FOLDER]


def saved_question(url: str, name: str, given: Mapping[str, str], patience_s: float) -> Question:
    """The saved query of this name, ready to be asked of this database. Raises QueryRefused, StoreError."""
    saved = find_saved(name, folders())
    return Question(saved.sql, _with_job(url, saved.values(given), patience_s))


def _with_job(url: str, values: Mapping[str, str], patience_s: float) -> Mapping[str, str]:
    if JOB not in values:
        return values
    with Store.open(url, patience_s=patience_s) as store:
        found = store.jobs.find(read_value(values[JOB]).text)
    return {**values, JOB: f"'{found.id}'"}
