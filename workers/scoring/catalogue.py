"""The emotion scorers by name. Importing this loads none of them; third parties add theirs by an entry point."""

from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from workers.analysis import ScorerSpec
from workers.errors import ModelError
from workers.models.catalogue import card_of

if TYPE_CHECKING:
    from workers.scoring.base import EmotionScorer

ENTRY_POINTS = "moodreel.scorers"


@dataclass(frozen=True, slots=True)
class ScorerCard:
    """One scorer: what it is, and where its class is (`module:name`)."""

    name: str
    description: str
    target: str
    model: str | None = None
    """The model it needs, by its name in `workers.models.catalogue`."""


_OWN = (
    ScorerCard("ferplus", "our FER+ model, packaged, runs here", "workers.scoring.ferplus:FerPlus", "ferplus"),
    ScorerCard(
        "ferplus-zoo",
        "the ONNX Model Zoo's FER+ model, runs here (fetch it first)",
        "workers.scoring.ferplus:FerPlusZoo",
        "ferplus-zoo",
    ),
    ScorerCard("none", "finds faces and scores none", "workers.scoring.none:NoScorer"),
)


def scorers() -> dict[str, ScorerCard]:
    """Every scorer by name, ours first; an entry point cannot take the name of one of ours."""
    found = {card.name: card for card in _OWN}
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, ScorerCard(point.name, f"by {point.dist and point.dist.name}", point.value))
    return found


def resolve(spec: ScorerSpec) -> ScorerSpec:
    """The spec with the hash of the model it will use. Raises ModelError for a name we do not know."""
    card = _card(spec.name)
    return spec if card.model is None else replace(spec, model_sha256=card_of(card.model).sha256)


def open_scorer(spec: ScorerSpec, device: str = "auto") -> "EmotionScorer":
    """Load a scorer. Raises ModelError when its model is missing or damaged."""
    module, _, name = _card(spec.name).target.partition(":")
    scorer: EmotionScorer = getattr(import_module(module), name)(spec, device)
    return scorer


def _card(name: str) -> ScorerCard:
    known = scorers()
    if name not in known:
        raise ModelError("scorer.unknown", f"there is no scorer {name!r}", f"the scorers are: {', '.join(known)}")
    return known[name]
