"""The finished graph keeps the FER+ contract, whatever numbers are in it. Needs no torch."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from training.calibrate import Calibration, untouched
from training.graph import OPSET, Shape, build
from training.scored import score
from training.speed import raced
from training.vgg13 import vgg13
from workers.analysis import ScorerSpec
from workers.errors import SettingsError
from workers.scoring import contract
from workers.scoring.ferplus import FerPlus

SHAPE = Shape(depths=(1, 2), mean=129, deviation=65, side_px=64, inner_px=48)
FACTS = {"model": "moodreel-ferplus", "version": "test", "date": "2026-01-31", "data": "none", "valid": "{}"}
PICTURES = np.random.default_rng(2).integers(0, 256, (5, 64, 64)).astype(np.uint8)


def weights() -> dict[str, NDArray[np.float64]]:
    """Of a tiny net: stem of 8 channels, a stage of 8 and one of 16."""
    random, found = np.random.default_rng(1), dict[str, NDArray[np.float64]]()

    def convolution(name: str, target: int, source: int, kernel: int) -> None:
        found[f"{name}.0.weight"] = random.normal(size=(target, source, kernel, kernel)) / kernel / source**0.5
        found.update({f"{name}.1.{part}": random.uniform(0.5, 1.5, target) for part in ("weight", "running_var")})
        found.update({f"{name}.1.{part}": random.normal(size=target) / 4 for part in ("bias", "running_mean")})

    convolution("stem.0", 8, 1, 5)
    convolution("stem.2", 8, 8, 3)
    for place, (source, target) in enumerate([(8, 8), (8, 16), (16, 16)]):
        convolution(f"blocks.{place}.first", target, source, 3)
        convolution(f"blocks.{place}.second", target, target, 3)
        if source != target:
            convolution(f"blocks.{place}.shortcut", target, source, 1)
        for part, shape in (("down", (target // 8, target)), ("up", (target, target // 8))):
            found[f"blocks.{place}.squeeze.{part}.weight"] = random.normal(size=(*shape, 1, 1))
            found[f"blocks.{place}.squeeze.{part}.bias"] = random.normal(size=shape[0])
    return found | {"head.weight": random.normal(size=(8, 16)), "head.bias": random.normal(size=8)}


@pytest.fixture(scope="module")
def model() -> bytes:
    return build(weights(), SHAPE, untouched(), FACTS)


def test_the_file_says_what_it_takes_gives_and_is(model: bytes) -> None:
    read = onnx.load_from_string(model)
    (takes,), (gives,) = read.graph.input, read.graph.output
    assert [takes.name, gives.name] == ["faces", "logits"]
    shapes = [[dim.dim_param or dim.dim_value for dim in one.type.tensor_type.shape.dim] for one in (takes, gives)]
    assert shapes == [["n", 1, 64, 64], ["n", 8]]
    assert read.opset_import[0].version == OPSET
    assert {one.key: one.value for one in read.metadata_props} == FACTS


def test_the_same_numbers_give_the_same_bytes(model: bytes) -> None:
    assert build(weights(), SHAPE, untouched(), FACTS) == model


def test_it_is_a_scorer_as_ours_have_to_be(model: bytes) -> None:
    outcomes = list(contract.run_checks(lambda: FerPlus(ScorerSpec(), model=model)))
    assert not [one for one in outcomes if one.reason]


def test_a_face_is_scored_the_same_alone_and_among_others(model: bytes) -> None:
    assert score(model, PICTURES, batch=1).logits == pytest.approx(score(model, PICTURES, batch=5).logits, abs=1e-5)


def test_weights_in_halves_say_nearly_the_same_in_half_the_space(model: bytes) -> None:
    whole = build(weights(), SHAPE, untouched(), FACTS, half=False)
    assert len(model) < 0.7 * len(whole)
    assert score(model, PICTURES).logits == pytest.approx(score(whole, PICTURES).logits, abs=0.02)


def test_the_calibration_is_folded_in(model: bytes) -> None:
    calibration = Calibration(scales=np.linspace(0.5, 2, 8), shifts=np.linspace(-1, 1, 8))
    changed = build(weights(), SHAPE, calibration, FACTS)
    assert score(changed, PICTURES).logits == pytest.approx(
        calibration.applied(score(model, PICTURES).logits), abs=1e-4
    )


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(SettingsError) as refused:
        score(b"no graph", PICTURES)
    assert refused.value.hint == "give an ONNX file on the FER+ contract"


def test_the_papers_net_has_its_size_and_can_be_raced_against(model: bytes) -> None:
    paper = vgg13()
    numbers = onnx.load_from_string(paper).graph.initializer
    assert sum(int(np.prod(one.dims)) for one in numbers) == pytest.approx(8.76e6, rel=0.002)
    times = raced({"model": model, "vgg13": paper}, rounds=2, batch=1)
    assert [len(one) for one in times.values()] == [2, 2]
