"""The graph surgery that frees YuNet's input size, against the onnx package."""

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from workers.errors import ModelError
from workers.models.catalogue import load_verified
from workers.sessions.dynamic import with_dynamic_size
from workers.sessions.ort import OrtSession


@pytest.fixture(scope="module")
def weights() -> bytes:
    return load_verified("yunet")


def edited_by_onnx(weights: bytes, size: tuple[int, int] | None = None) -> bytes:
    """The same surgery by the onnx package: a free input size, or a fixed one."""
    model = onnx.load_from_string(weights)
    del model.graph.value_info[:]
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for dim, name, length in zip(dims[2:], ("height", "width"), size or (0, 0), strict=True):
        if size:
            dim.dim_value = length
        else:
            dim.dim_param = name
    for output in model.graph.output:
        for dim in output.type.tensor_type.shape.dim:
            dim.Clear()
    raw: bytes = model.SerializeToString()
    return raw


def run(model: bytes, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs: list[NDArray[np.float32]] = session.run(None, {"input": tensor})
    return outputs


def test_the_surgery_equals_that_of_the_onnx_package(weights: bytes) -> None:
    ours = onnx.load_from_string(with_dynamic_size(weights))
    assert ours == onnx.load_from_string(edited_by_onnx(weights))


def test_the_operated_graph_is_valid(weights: bytes) -> None:
    onnx.checker.check_model(onnx.load_from_string(with_dynamic_size(weights)), full_check=True)


def test_nothing_but_shapes_is_touched(weights: bytes) -> None:
    before, after = onnx.load_from_string(weights), onnx.load_from_string(with_dynamic_size(weights))
    assert list(after.graph.node) == list(before.graph.node)
    assert list(after.graph.initializer) == list(before.graph.initializer)
    assert [put.name for put in after.graph.output] == [put.name for put in before.graph.output]
    assert after.opset_import == before.opset_import


@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 640), (384, 640), (640, 96)])
def test_any_size_gives_what_a_graph_of_that_size_gives(weights: bytes, height: int, width: int) -> None:
    tensor = np.random.default_rng(3).uniform(0, 255, (1, 3, height, width)).astype(np.float32)
    with OrtSession(with_dynamic_size(weights), "yunet", "cpu") as session:
        outputs = session.run({"input": tensor})
    for ours, theirs in zip(outputs, run(edited_by_onnx(weights, (height, width)), tensor), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keep", [1, 100, 0.5, 0.999])
def test_a_cut_off_graph_is_a_model_error(weights: bytes, keep: float) -> None:
    cut = weights[: int(keep if keep >= 1 else keep * len(weights))]
    with pytest.raises(ModelError) as caught:
        with_dynamic_size(cut)
    assert caught.value.problem.code == "model.damaged"
    assert "moodreel models verify" in caught.value.problem.hint


def test_text_is_a_model_error() -> None:
    with pytest.raises(ModelError):
        with_dynamic_size(b"<!DOCTYPE html><html><body>404</body></html>")
