"""One call to a service, for real, with the demo's portrait: what it says of it, what it bills, or why it refuses."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from db.derive import dominant
from jobs.errors import UsageError
from jobs.findings import Finding, Verdict
from jobs.service_checks import cost_of_a_call, opened, what
from jobs.trial import PORTRAIT, NotAsExpected, analyse_portrait
from jobs.words import numbered
from workers.analysis import ScorerSpec
from workers.errors import WorkError
from workers.failures import ChildCannotStart, ChildFailure
from workers.messages import Give
from workers.scoring.catalogue import scorers
from workers.services.base import CropService, PictureService, ServiceError
from workers.services.catalogue import service_card
from workers.settings import Settings


def call_once(name: str, settings: Settings, say: Callable[[str], None]) -> Finding:
    """What became of one call; `say` hears what will be sent, to whom and for how much, right before.

    Raises UsageError where there is no such service, SettingsError where it cannot be called from here.
    """
    card = service_card(name)
    if card is None:
        known = ", ".join(one for one in scorers() if service_card(one) is not None)
        raise UsageError(f"there is no service {name!r}", f"the services are: {known}")
    cost = cost_of_a_call(name, settings)
    with opened(name, settings).service as service:
        try:
            ask = _question(name, service, settings)
        except (ChildCannotStart, ChildFailure, WorkError, NotAsExpected) as error:
            return Finding(what(name), Verdict.FAULT, f"nothing was sent: {error}", "run `moodreel doctor`")
        say(f"sending the demo's portrait to {card.title}: one call, {cost}")
        return _called(name, ask)


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer of either kind of service, face by face."""

    scores: Sequence[Sequence[float] | None]
    attributes: Sequence[str | None]
    transactions: int


def _called(name: str, ask: Callable[[], _Told]) -> Finding:
    began = time.monotonic()
    try:
        told = ask()
    except ServiceError as error:
        return Finding(what(name), Verdict.FAULT, error.problem.reason + _bill_of(error), error.problem.hint)
    return _seen(name, told, time.monotonic() - began)


def _question(name: str, service: PictureService | CropService, settings: Settings) -> Callable[[], _Told]:
    """The call, made ready: where a service wants faces and not pictures, the face is found first, in a child."""
    if scorers()[name].give is Give.CROPS:
        return lambda: _of_picture(cast("PictureService", service))
    crops = analyse_portrait(settings, ScorerSpec("none"), Give.GRAY).crops
    if crops is None or len(crops) != 1:
        raise NotAsExpected("no face was found in the packaged portrait, where there is one")
    return lambda: _of_crops(cast("CropService", service), crops)


def _of_picture(service: PictureService) -> _Told:
    answer = service.detect(PORTRAIT.read_bytes())
    faces = answer.faces
    return _Told([face.scores for face in faces], [face.attributes for face in faces], answer.transactions)


def _of_crops(service: CropService, crops: NDArray[np.uint8]) -> _Told:
    answer = service.score(crops)
    scores = [None] * len(crops) if answer.scores is None else answer.scores.tolist()
    return _Told(scores, answer.attributes, answer.transactions)


def _seen(name: str, told: _Told, took_s: float) -> Finding:
    bill = f"billed as {numbered(told.transactions, 'transaction')}; it took {took_s:.2f} s"
    if not told.scores:
        reason = f"it found no face in a portrait that shows one; {bill}"
        return Finding(what(name), Verdict.FAULT, reason, "see that nothing between here and there changes pictures")
    count = numbered(len(told.scores), "face")
    scores = told.scores[0]
    emotion = dominant(scores)
    if scores is None or emotion is None:
        reason = f"{count}, no probabilities but {told.attributes[0] or 'nothing'}; {bill}"
        return Finding(what(name), Verdict.NOTE, reason, "scores of such faces are stored as NULL")
    return Finding(what(name), Verdict.OK, f"{count}, {emotion} {max(scores):.2f}; {bill}")


def _bill_of(error: ServiceError) -> str:
    if error.call.transactions:
        return f"; billed as {numbered(error.call.transactions, 'transaction')}"
    return "; it may have been billed all the same" if error.call.sent else ""
