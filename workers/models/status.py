"""Which models are here, and whether they are the right ones: what `moodreel models list` and `verify` show."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from db.records import Problem
from workers.errors import ModelError
from workers.models.catalogue import MODELS, ModelCard, path_of, read_verified


class Presence(StrEnum):
    """Whether a model can be used."""

    PRESENT = "present"
    """Its file is there, and its hash is right."""
    MISSING = "missing"
    DAMAGED = "damaged"
    """A file is in its place, but not the one we know."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model on this machine. `path` is where it is or would be; `problem` says what to do unless it is present."""

    card: ModelCard
    presence: Presence
    path: Path | None
    problem: Problem | None = None


def verify(card: ModelCard, folder: Path | None = None) -> ModelStatus:
    """Read the model and check its hash. `folder` holds downloaded models, the user's cache by default."""
    path: Path | None = None
    try:
        path = path_of(card, folder)
        read_verified(card, path)
    except ModelError as error:
        damaged = error.problem.code == "model.damaged"
        return ModelStatus(card, Presence.DAMAGED if damaged else Presence.MISSING, path, error.problem)
    return ModelStatus(card, Presence.PRESENT, path)


def verify_all(folder: Path | None = None) -> list[ModelStatus]:
    """Every model of the catalogue, in its order."""
    return [verify(card, folder) for card in MODELS.values()]
