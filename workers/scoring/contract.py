"""What every scorer that runs here must keep to, as checks for `moodreel scorers --check NAME`: no test framework is
needed, and our own scorers go through the same.

A check opens the scorer as often as it needs one, and raises Broken where the promise is not kept.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from workers.errors import MODEL_FAULTS, WorkError
from workers.scoring.base import EmotionScorer

SAME = 1e-5
"""How far two answers of one face may lie apart: batches of other sizes are summed up in another order."""

Opener = Callable[[], EmotionScorer]
Scores = NDArray[np.float32] | None


class Broken(Exception):
    """A promise is not kept; the text says how that was seen."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and how it is proved."""

    promise: str
    prove: Callable[[Opener], None]
    """Raises Broken, or whatever the scorer raises."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one check."""

    promise: str
    reason: str | None
    """Why it is broken; None where it is kept."""


def run_checks(open_one: Opener) -> Iterator[Outcome]:
    """Every check, one after the other, on scorers that `open_one` makes.

    Raises ModelError where this machine, and not the scorer, is at fault: a model was never fetched.
    """
    for check in CHECKS:
        yield Outcome(check.promise, _why_broken(check, open_one))


def _why_broken(check: Check, open_one: Opener) -> str | None:
    try:
        check.prove(open_one)
    except Broken as broken:
        return str(broken)
    except WorkError as error:
        if error.problem.code in MODEL_FAULTS:
            raise
        return error.problem.reason
    except Exception as error:  # noqa: BLE001  a stranger's code: whatever it raises is what is to be told
        return f"it raised {type(error).__name__}: {error}"
    return None


def crops(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Crops with structure at every scale, from nearly black to nearly white, uint8 [count, 64, 64]."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 8, 8)).repeat(8, axis=1).repeat(8, axis=2)
    fine = random.integers(-30, 31, (count, 64, 64))
    mixed: NDArray[np.uint8] = np.clip(coarse + fine, 0, 255).astype(np.uint8)
    return mixed


def _opens_and_closes(open_one: Opener) -> None:
    for _ in range(2):
        with open_one() as scorer:
            scorer.score(crops(1))
    if _hides_errors(open_one):
        raise Broken("its __exit__ hides errors of others: it must not return true")


class _OfOthers(Exception):
    """What goes wrong while a scorer is open, and is none of its business."""


def _hides_errors(open_one: Opener) -> bool:
    try:
        with open_one():
            _fail()
    except _OfOthers:
        return False
    return True


def _fail() -> None:
    raise _OfOthers


def _gives_probabilities(open_one: Opener) -> None:
    with open_one() as scorer:
        for count in (1, 2, 17, 65, 130):
            _require_probabilities(scorer.score(crops(count)), count)
        for gray in (0, 255):
            _require_probabilities(scorer.score(np.full((3, 64, 64), gray, np.uint8)), 3)


def _require_probabilities(rows: Scores, count: int) -> None:
    if rows is None:
        return
    if not isinstance(rows, np.ndarray):
        raise Broken(f"it gave a {type(rows).__name__} where an array is wanted")
    if rows.shape != (count, len(EMOTIONS)):
        raise Broken(f"of {count} faces it gave shape {rows.shape}, where ({count}, {len(EMOTIONS)}) is wanted")
    if rows.dtype != np.float32:
        raise Broken(f"it gave {rows.dtype}, where float32 is wanted")
    if not np.all((rows >= 0) & (rows <= 1)):  # what is no number is neither
        raise Broken(f"it gave values from {rows.min()} to {rows.max()}, where 0 to 1 is wanted")
    if np.any(abs(rows.sum(axis=1) - 1) > SAME):
        raise Broken(f"the eight of a face have sums from {rows.sum(axis=1).min()} to {rows.sum(axis=1).max()}, not 1")


def _gives_all_or_none(open_one: Opener) -> None:
    black, white = np.zeros((1, 64, 64), np.uint8), np.full((1, 64, 64), 255, np.uint8)
    with open_one() as scorer:
        given = [scorer.score(one) is not None for one in (black, white, crops(1))]
    if len(set(given)) > 1:
        raise Broken("it scored one face and gave None for another")


def _minds_no_company(open_one: Opener) -> None:
    """A segment's faces come in batches, and the same video cut otherwise gives other batches."""
    faces = crops(70)
    with open_one() as scorer:
        together = scorer.score(faces.copy())
        for size in (1, 7):
            parts = [scorer.score(faces[at : at + size].copy()) for at in range(0, len(faces), size)]
            if any(part is None for part in parts) != (together is None):
                raise Broken(f"whether it gives scores hangs on whether {size} or 70 faces come together")
            if together is not None:
                _require_same(together, np.concatenate([np.asarray(part) for part in parts]), f"in batches of {size}")


def _repeats_itself(open_one: Opener) -> None:
    faces = crops(5)
    with open_one() as scorer, open_one() as another:
        first, second, third = (one.score(faces.copy()) for one in (scorer, scorer, another))
    if first is None or second is None or third is None:
        return
    if not np.array_equal(first, second, equal_nan=True):
        raise Broken("asked again for the same faces, it gave other scores")
    _require_same(first, third, "from another instance")


def _leaves_crops_alone(open_one: Opener) -> None:
    faces = crops(3)
    with open_one() as scorer:
        scorer.score(faces)
        if not np.array_equal(faces, crops(3)):
            raise Broken("it wrote into the crops it was given")
        faces.flags.writeable = False
        scorer.score(faces)


def _require_same(one: NDArray[np.float32], other: NDArray[np.float32], how: str) -> None:
    these, those = np.asarray(one), np.asarray(other)  # a list is another check's affair
    if these.shape != those.shape:
        raise Broken(f"the same faces {how} give shape {those.shape} instead of {these.shape}")
    others = np.flatnonzero(~np.isclose(these, those, rtol=0, atol=SAME, equal_nan=True).all(axis=1))
    if others.size:
        raise Broken(f"{others.size} of {len(these)} faces get other scores {how}")


CHECKS = (
    Check("It opens and closes, again and again, and hides no error", _opens_and_closes),
    Check("Every face gets eight probabilities, or no face gets any", _gives_probabilities),
    Check("Whether there are scores does not hang on the face", _gives_all_or_none),
    Check("A face gets the same scores in any company, at any place", _minds_no_company),
    Check("The same face gets the same scores again, from another instance too", _repeats_itself),
    Check("Crops are left as they are, and may be read-only", _leaves_crops_alone),
)
