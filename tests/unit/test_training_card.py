"""The model card says what was measured, and names as faults what the measures show to be faults."""

from dataclasses import replace

import numpy as np
import pytest

from training.card import Facts, card
from training.measures import measure

EMOTION = np.repeat(np.arange(8), 4)
VOTES = (10 * np.eye(10)[EMOTION]).astype(np.uint8)
LOGITS = 9 * np.eye(8)[np.where(EMOTION == 7, 0, EMOTION)]
"""All right, but contempt is always taken for neutral."""


FACTS = Facts(
    file="ferplus.onnx",
    size=3_950_895,
    sha256="ab" * 32,
    parameters=1_967_048,
    metadata={"version": "1", "date": "2026-01-31", "data": "FER+ train", "epochs": "36"},
    measured={"valid": measure(LOGITS, VOTES), "test": measure(LOGITS[:28], VOTES[:28])},
    robust={"as they are": 0.88, "gamma 2": 0.86, "24 pixels, enlarged": 0.84},
    ms_a_face={"model": 2.5, "alone": 3.5, "vgg13": 20.0},
)


@pytest.fixture(scope="module")
def page() -> str:
    return card(FACTS)


def test_it_names_the_file_and_what_is_forbidden(page: str) -> None:
    assert "`ferplus.onnx`, 3,950,895 bytes" in page
    assert "ab" * 32 in page
    assert "must not be used for" in page
    assert "for 36 epochs" in page


def test_it_says_what_a_training_began_with(page: str) -> None:
    assert "Trained from scratch for 36 epochs" in page
    metadata = {"epochs": "5", "begun_with": "random weights, 7 epochs on"}
    further = card(replace(FACTS, metadata=metadata))
    assert "for 5 epochs, begun with\nrandom weights, 7 epochs on," in further
    assert "from scratch" not in further


def test_both_splits_stand_side_by_side(page: str) -> None:
    assert "|  | valid (32 pictures) | test (28 pictures) |" in page
    assert "| recall of contempt | 0% | nan% |" not in page
    assert "| recall of contempt | 0% | none shown |" in page
    assert "| accuracy (95 % interval) | 87.5% (71.9% to 95.0%) | 100.0% (87.9% to 100.0%) |" in page


def test_weak_emotions_and_costly_changes_are_faults(page: str) -> None:
    faults = page.partition("## Known faults")[2]
    assert "It finds 0% of the faces that most people call contempt." in faults
    assert "fear" not in faults.partition("## What")[0]
    assert "loses 4.0 points on pictures that are: 24 pixels, enlarged" in faults
    assert "gamma" not in faults


def test_speed_stands_beside_the_papers_net(page: str) -> None:
    assert "2.5 ms a face in batches of 16, 3.5 ms alone" in page
    assert "20.0 ms in batches, 8.0 times as long" in page
