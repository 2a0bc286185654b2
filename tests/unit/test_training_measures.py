"""What is said of a model, on arrays that are small enough to work out by hand."""

import math
from typing import Any

import numpy as np
import pytest

from training.calibrate import cross_fitted, fitted
from training.chart import confusion_svg
from training.evaluate import as_json, as_text
from training.measures import calibration_errors, cross_entropy, log_softmax, measure, wilson

CERTAIN = 30.0


def votes_of(*columns: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Ten votes for one column, a row each."""
    return (10 * np.eye(10, dtype=np.uint8)[list(columns)]).astype(np.uint8)


def says(*columns: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return CERTAIN * np.eye(8)[list(columns)]


def test_accuracy_recall_and_confusion_are_those_of_the_pictures_that_count() -> None:
    measured = measure(says(0, 0, 1, 2, 7), votes_of(0, 0, 1, 1, 8))
    assert measured.faces == 4, "the last is unknown to the taggers"
    assert measured.accuracy == 3 / 4
    assert measured.recall["neutral"] == 1
    assert measured.recall["happiness"] == 1 / 2
    assert math.isnan(measured.recall["fear"]), "nobody showed it"
    assert measured.macro_recall == pytest.approx(3 / 4)
    assert (measured.confusion[0][0], measured.confusion[1][1], measured.confusion[1][2]) == (2, 1, 1)


def test_calibration_holds_mean_predictions_against_mean_shares_bin_by_bin() -> None:
    predicted = np.array([[0.12, 0.88], [0.18, 0.82], [0.55, 0.45], [1.0, 0.0]])
    shares = np.array([[0.0, 1.0], [0.1, 0.9], [0.75, 0.25], [1.0, 0.0]])
    first = (2 * abs(0.15 - 0.05) + abs(0.55 - 0.75) + 0) / 4
    second = (2 * abs(0.85 - 0.95) + abs(0.45 - 0.25) + 0) / 4
    assert calibration_errors(predicted, shares) == pytest.approx([first, second])


def test_too_much_and_too_little_in_one_bin_cancel() -> None:
    predicted, shares = np.array([[0.52], [0.58]]), np.array([[0.5], [0.6]])
    assert calibration_errors(predicted, shares) == pytest.approx([0])


def test_cross_entropy_of_even_predictions_is_that_of_a_die() -> None:
    assert cross_entropy(log_softmax(np.zeros((3, 8))), np.full((3, 8), 1 / 8)) == pytest.approx(math.log(8))


def test_logits_of_any_size_are_measured() -> None:
    measured = measure(says(0, 1) * 1e4, votes_of(0, 1))
    assert (measured.accuracy, measured.cross_entropy) == (1, 0)


@pytest.mark.parametrize(
    ("right", "of", "low", "high"), [(0, 10, 0, 0.2775), (5, 10, 0.2366, 0.7634), (2750, 3191, 0.8494, 0.8733)]
)
def test_the_interval_is_wilsons(right: int, of: int, low: float, high: float) -> None:
    assert wilson(right, of) == pytest.approx((low, high), abs=5e-5)


def test_nothing_can_be_said_of_no_pictures() -> None:
    measured = measure(np.zeros((0, 8)), np.zeros((0, 10), np.uint8))
    assert (measured.faces, measured.interval_95) == (0, (0.0, 1.0))
    assert math.isnan(measured.macro_recall)


def test_a_calibration_finds_what_was_done_to_probabilities() -> None:
    random = np.random.default_rng(1)
    true = random.normal(size=(4000, 8)) * 2
    shares = np.exp(log_softmax(true))
    changed = (true - np.arange(8) / 8) * 1.7
    calibrated = cross_fitted(changed, shares)
    assert calibration_errors(np.exp(log_softmax(changed)), shares).mean() > 0.01
    assert calibration_errors(np.exp(log_softmax(calibrated)), shares).mean() < 0.002
    assert fitted(changed, shares).scales == pytest.approx(np.full(8, 1 / 1.7), abs=0.02)


def test_what_is_measured_reads_as_lines_and_as_json() -> None:
    measured = measure(says(0, 0, 1, 2), votes_of(0, 0, 1, 1))
    assert "accuracy              75.00% (95 %: 30.06% to 95.44%)" in as_text(measured, 2.5)
    text = as_json(measured, 2.5)
    assert '"ms_a_face": 2.5' in text
    assert '"fear": null' in text, "JSON knows no NaN"


def test_the_chart_holds_every_cell() -> None:
    drawn = confusion_svg(measure(says(0, 0, 1, 2), votes_of(0, 0, 1, 1)).confusion)
    assert drawn.count("<rect") == 1 + 64
    assert ">50%<" in drawn
