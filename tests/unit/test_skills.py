"""What a program leaves to others: whatever it would not do to the letter."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from workers.analysis import PIPELINE_REVISION, AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection import catalogue as detectors
from workers.scoring import catalogue as scorers
from workers.skills import judge

OURS = AnalysisSpec(Sampling(), detectors.resolve(DetectorSpec()), scorers.resolve(ScorerSpec()))


def test_an_analysis_of_this_version_is_done_here() -> None:
    assert judge(OURS.to_json()).lack is None
    assert judge(OURS.for_photos().to_json()).lack is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda spec: spec.update(pipeline_revision=PIPELINE_REVISION + 1), "revision"),
        (lambda spec: spec["detector"].update(model_sha256="0" * 64), "another version of yunet"),
        (lambda spec: spec["detector"].update(name="retina"), "retina"),
        (lambda spec: spec.update(gaze=True), "written in a way"),
        (lambda spec: spec["sampling"].update(mode="by mood"), "written in a way"),
        (lambda spec: spec.update(scorer="ferplus"), "written in a way"),
        (lambda spec: spec.pop("detector"), "written in a way"),
    ],
)
def test_one_that_asks_for_anything_else_is_left_alone(change: Callable[[Any], None], reason: str) -> None:
    spec = json.loads(OURS.to_json())
    change(spec)
    lack = judge(json.dumps(spec, sort_keys=True, separators=(",", ":"))).lack
    assert lack is not None
    assert reason in lack


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "7"])
def test_and_so_is_one_that_is_none(text: str) -> None:
    assert judge(text).lack is not None
