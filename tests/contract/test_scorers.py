"""What every scorer that runs here must keep to. Ours, and those of every installed package with an entry point.

Whoever writes a scorer installs it beside moodreel and runs this file: it is among the parameters by itself.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from tests.support import thirdparty
from workers.analysis import ScorerSpec
from workers.models.catalogue import card_of
from workers.models.status import Presence, verify
from workers.scoring.base import EmotionScorer
from workers.scoring.catalogue import open_scorer, resolve, scorers

EXAMPLE = "brightness"
"""Not installed: the fixture below installs it for these tests, to run the contract on a scorer of others."""
NAMES = [*scorers(), EXAMPLE]


@pytest.fixture(params=NAMES)
def scorer(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmotionScorer]:
    name: str = request.param
    if name == EXAMPLE:
        thirdparty.install(tmp_path, brightness="moodreel_brightness:Brightness")
        monkeypatch.syspath_prepend(tmp_path)
    model = scorers()[name].model
    if model is not None and verify(card_of(model)).presence is not Presence.PRESENT:
        pytest.skip(f"the model {model} was never fetched")
    with open_scorer(resolve(ScorerSpec(name)), "cpu") as opened:
        yield opened


def crops(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Crops with structure at every scale, from nearly black to nearly white."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 8, 8)).repeat(8, axis=1).repeat(8, axis=2)
    fine = random.integers(-30, 31, (count, 64, 64))
    return np.clip(coarse + fine, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("count", [1, 2, 17, 65, 130])
def test_each_face_gets_eight_probabilities_or_none_does(scorer: EmotionScorer, count: int) -> None:
    rows = scorer.score(crops(count))
    if rows is None:
        return
    assert rows.shape == (count, len(EMOTIONS))
    assert rows.dtype == np.float32
    assert np.all((rows >= 0) & (rows <= 1))
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_whether_there_are_scores_does_not_depend_on_the_face(scorer: EmotionScorer) -> None:
    black, white = np.zeros((1, 64, 64), np.uint8), np.full((1, 64, 64), 255, np.uint8)
    answers = [scorer.score(one) is None for one in (black, white, crops(1))]
    assert len(set(answers)) == 1


def test_a_face_is_scored_the_same_in_any_company(scorer: EmotionScorer) -> None:
    """A segment's faces come in batches that another segmentation cuts otherwise."""
    faces = crops(70)
    together = scorer.score(faces)
    if together is None:
        return
    alone = np.concatenate([np.asarray(scorer.score(faces[at : at + 1])) for at in range(70)])
    in_sevens = np.concatenate([np.asarray(scorer.score(faces[at : at + 7])) for at in range(0, 70, 7)])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
    np.testing.assert_allclose(together, in_sevens, rtol=0, atol=1e-5)


def test_the_same_face_gets_the_same_scores_again(scorer: EmotionScorer) -> None:
    faces = crops(5)
    first, second = scorer.score(faces), scorer.score(faces.copy())
    assert (first is None and second is None) or np.array_equal(np.asarray(first), np.asarray(second))


def test_the_order_of_faces_is_kept(scorer: EmotionScorer) -> None:
    faces = crops(9)
    forward, backward = scorer.score(faces), scorer.score(faces[::-1])
    if forward is not None:
        np.testing.assert_allclose(forward, np.asarray(backward)[::-1], rtol=0, atol=1e-5)


def test_crops_are_not_changed(scorer: EmotionScorer) -> None:
    faces = crops(3)
    faces.flags.writeable = False
    scorer.score(faces)
    assert np.array_equal(faces, crops(3))
