"""The emotion scorers by name. Importing this loads none of them; third parties add theirs by an entry point.

An entry point of the group `moodreel.scorers` names a class as in `workers.scoring.base`, made with
`(spec: ScorerSpec, device: str)`; `workers.scoring.contract` says what it must keep to, and proves it.
"""

import hashlib
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from workers.analysis import AnalysisSpec, ScorerSpec
from workers.detection.catalogue import SERVICE
from workers.errors import ModelError
from workers.messages import Give
from workers.models.catalogue import card_of, refuse_other_weights

if TYPE_CHECKING:
    from workers.scoring.base import EmotionScorer

ENTRY_POINTS = "moodreel.scorers"


@dataclass(frozen=True, slots=True)
class ScorerCard:
    """One scorer: what it is, and where its class is (`module:name`). Services are known to `workers.services` only."""

    name: str
    description: str
    target: str = ""
    model: str | None = None
    """The model it needs, by its name in `workers.models.catalogue`."""
    package: str = ""
    """Distribution and version of a scorer of others: another version may give other numbers."""
    give: Give = Give.SCORES
    """What a child hands over for it: for a service, which the child's parent calls, pictures instead of scores."""

    @property
    def queue(self) -> str:
        """Which workers of a fleet it is for: `cpu`, or `api` for a service that is called over the network."""
        return "cpu" if self.give is Give.SCORES else "api"


_OWN = (
    ScorerCard("ferplus", "our FER+ model, packaged, runs here", "workers.scoring.ferplus:FerPlus", "ferplus"),
    ScorerCard(
        "ferplus-zoo",
        "the ONNX Model Zoo's FER+ model, runs here (fetch it first)",
        "workers.scoring.ferplus:FerPlusZoo",
        "ferplus-zoo",
    ),
    ScorerCard("none", "finds faces and scores none", "workers.scoring.none:NoScorer"),
    ScorerCard("azure", "Azure Face, in the cloud or its container", give=Give.CROPS),
    ScorerCard("rekognition", "Amazon Rekognition, DetectFaces", give=Give.CROPS),
    ScorerCard("ferplus-http", "a FER+ scoring container, such as `moodreel serve`", give=Give.GRAY),
)


def scorers() -> dict[str, ScorerCard]:
    """Every scorer by name, ours first; an entry point cannot take the name of one of ours."""
    found = {card.name: card for card in _OWN}
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, _card_of_others(point))
    return found


def resolve(spec: ScorerSpec) -> ScorerSpec:
    """The spec with the hash of what will score: of the model's file, or of a package's name and version.

    Raises ModelError for a name we do not know.
    """
    return replace(spec, model_sha256=_digest(_card(spec.name)))


def queue_of(name: str) -> str:
    """The queue of a scorer that we know."""
    return _card(name).queue


def give_of(spec: AnalysisSpec) -> Give:
    """What a child hands over under an analysis. Raises ModelError for a scorer that we do not know."""
    give = _card(spec.scorer.name).give
    return Give.PICTURES if spec.detector.name == SERVICE and give is Give.CROPS else give


def open_scorer(spec: ScorerSpec, device: str = "auto") -> "EmotionScorer":
    """Load a scorer. Raises ModelError when it, or its model, is missing, damaged, or not the one of the spec."""
    card = _card(spec.name)
    if card.give is not Give.SCORES:
        raise ModelError("scorer.service", f"{card.name} is a service: nothing here scores for it", "report this")
    refuse_other_weights(spec.name, spec.model_sha256, _digest(card))
    module, _, name = card.target.partition(":")
    try:
        made = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            "scorer.broken",
            f"scorer {card.name} ({card.package or 'ours'}) cannot be loaded: {error}",
            "reinstall or update the package that it comes with",
        ) from error
    scorer: EmotionScorer = made(spec, device)
    return scorer


def _card_of_others(point: EntryPoint) -> ScorerCard:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    return ScorerCard(point.name, f"from {package}", point.value, package=package)


def _digest(card: ScorerCard) -> str:
    if card.model is not None:
        return card_of(card.model).sha256
    return hashlib.sha256(f"{card.package} {card.target}".encode()).hexdigest() if card.package else ""


def _card(name: str) -> ScorerCard:
    own = next((card for card in _OWN if card.name == name), None)
    if own is not None:
        return own  # looking through all that is installed takes as long as analysing a photo
    known = scorers()
    if name not in known:
        raise ModelError("scorer.unknown", f"there is no scorer {name!r}", f"the scorers are: {', '.join(known)}")
    return known[name]
