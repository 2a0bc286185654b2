"""What a run would cost, from counts: frames, faces, calls, time at the rate, money. Pure: nothing is read."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from db.precedents import Found, Wanted
from workers.services.gate_control import spacing_s
from workers.services.prices import Price
from workers.services.rate import Rate


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is to be done. `new` is what was not analysed like this before."""

    photos: int = 0
    video_frames: int = 0
    media_done: int = 0
    """Media that need no look any more."""
    frames_new: int = 0
    faces_known: int = 0
    """Faces in new frames that an analysis with the same detector and sampling has found already."""
    frames_unseen: int = 0
    """New frames whose faces nobody has counted."""

    @property
    def frames(self) -> int:
        """All that are asked for."""
        return self.photos + self.video_frames


@dataclass(frozen=True, slots=True)
class Terms:
    """How a service takes faces, and what it takes for them."""

    title: str
    """As people know it."""
    finds_faces: bool
    """It gets whole pictures, one a frame, and finds the faces by itself."""
    faces_a_call: int
    """Where it is sent faces."""
    may_take_more: bool
    """It may turn out to take more faces a call than that."""
    rate: Rate
    price: Price


@dataclass(frozen=True, slots=True)
class Expense:
    """What a service would be asked and paid."""

    terms: Terms
    calls: int
    transactions: int
    cost: Decimal
    """US dollars."""
    time_at_rate_s: float
    """The calls alone, as the rate gate spaces them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would come to."""

    prospect: Prospect
    faces: int | None
    """In the new frames; None where a service finds them, and a frame is a call whatever it holds."""
    faces_assumed: int
    """Those of them that are assumed."""
    assumptions: tuple[str, ...]
    """In words; empty where nothing had to be assumed."""
    expense: Expense | None
    """None for what scores here."""


def foresee(wanted: Iterable[Wanted], done: Mapping[str, Found], seen: Mapping[str, Found]) -> Prospect:
    """What is left to do of media: `done` is what the same analysis has of them, `seen` what one has that finds the
    same faces. Both by digest.
    """
    photos = video_frames = media_done = frames_new = faces_known = frames_unseen = 0
    for one in wanted:
        photos += one.targets if one.is_photo else 0
        video_frames += 0 if one.is_photo else one.targets
        before = done.get(one.sha256, _NOTHING)
        media_done += before.complete
        new = 0 if before.complete else max(0, one.targets - before.frames)
        frames_new += new
        known = seen.get(one.sha256, _NOTHING)
        if new and known.whole:
            faces_known += max(0, known.faces - before.faces)
        else:
            frames_unseen += new
    return Prospect(photos, video_frames, media_done, frames_new, faces_known, frames_unseen)


_NOTHING = Found(frames=0, faces=0, complete=False, whole=False)


def estimate(prospect: Prospect, terms: Terms | None, faces_per_frame: float) -> Estimate:
    """What it comes to. `terms` is None without a service; `faces_per_frame` is for frames not yet looked at."""
    if terms is not None and terms.finds_faces:
        return Estimate(prospect, None, 0, (), _expense(terms, prospect.frames_new))
    assumed = math.ceil(prospect.frames_unseen * Fraction(str(faces_per_frame)))
    faces = prospect.faces_known + assumed
    said = tuple(_assumptions(prospect, terms, faces_per_frame))
    expense = None if terms is None else _expense(terms, -(-faces // terms.faces_a_call))
    return Estimate(prospect, faces, assumed, said, expense)


def _assumptions(prospect: Prospect, terms: Terms | None, faces_per_frame: float) -> Iterator[str]:
    if prospect.frames_unseen:
        faces = f"{faces_per_frame:g} face{'' if faces_per_frame == 1 else 's'}"
        yield f"{faces} a frame where nobody has looked for them yet (--faces-per-frame)"
    if terms is not None and terms.may_take_more:
        yield "one face a call; a container of `moodreel serve` takes more"
    elif terms is not None and terms.faces_a_call > 1:
        yield f"{terms.faces_a_call} faces a picture (--pack), each found there; what is not is sent again alone"


def _expense(terms: Terms, calls: int) -> Expense:
    """One call is one transaction of every service that we know."""
    time_s = calls * spacing_s(terms.rate, terms.rate.calls)
    return Expense(terms, calls, calls, terms.price.of(calls), time_s)


def as_json(made: Estimate) -> dict[str, Any]:
    """Plain values, for programs; what is of a service is null for what scores here."""
    prospect, expense = made.prospect, made.expense
    return {
        "photos": prospect.photos,
        "video_frames": prospect.video_frames,
        "frames": prospect.frames,
        "frames_to_analyse": prospect.frames_new,
        "faces": made.faces,
        "faces_assumed": made.faces_assumed,
        "assumptions": list(made.assumptions),
        "calls": None if expense is None else expense.calls,
        "transactions": None if expense is None else expense.transactions,
        "cost_usd": None if expense is None else float(expense.cost),
        "usd_per_1000": None if expense is None else float(expense.terms.price.usd_per_1000),
        "price_from": None if expense is None else expense.terms.price.source,
        "rate": None if expense is None else str(expense.terms.rate),
        "time_at_rate_s": None if expense is None else round(expense.time_at_rate_s, 1),
    }
