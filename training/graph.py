"""The finished net as an ONNX graph, written node by node: batch norms folded in, weights stored in half their size.

The exporter of the training library is not asked: what it writes depends on its version, this only on the numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from db.emotions import EMOTIONS
from training.calibrate import Calibration

OPSET, IR = 17, 8
"""What every ONNX Runtime that we allow can read."""
NORM_EPSILON = 1e-5

Array = NDArray[np.float64]
Weights = Mapping[str, Array]
"""A net's weights by the names that `training.net` gives them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a net is not in its weights."""

    depths: tuple[int, ...]
    mean: float
    deviation: float
    side_px: int
    """Of what comes in."""
    inner_px: int
    """Of what it is brought to."""


class _Writer:
    """Nodes and numbers of a graph in the making; each method appends, and returns the name of what comes out."""

    def __init__(self, half: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.numbers: list[onnx.TensorProto] = []
        self._half = half

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        """Append a node with one output."""
        output = output or f"{kind.lower()}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def number(self, name: str, values: Array, *, half: bool = False) -> str:
        """Append an initializer; in halves it goes through a cast, which the runtime folds when it loads the graph."""
        kind = np.float16 if half and self._half else np.float32
        self.numbers.append(numpy_helper.from_array(values.astype(kind), name))
        return self.node("Cast", name, output=f"{name}-32", to=TensorProto.FLOAT) if kind is np.float16 else name

    def convolution(self, name: str, source: str, weight: Array, bias: Array, stride: int = 1) -> str:
        """A convolution that keeps the side, or divides it by the stride."""
        reach = weight.shape[-1] // 2
        inputs = (self.number(f"{name}.weight", weight, half=True), self.number(f"{name}.bias", bias))
        return self.node("Conv", source, *inputs, output=name, pads=[reach] * 4, strides=[stride] * 2)


def build(
    weights: Weights, shape: Shape, calibration: Calibration, facts: Mapping[str, str], half: bool = True
) -> bytes:
    """The file: `faces` float32 [n, 1, side, side], 0..255, in, `logits` float32 [n, 8] out, `facts` beside."""
    writer = _Writer(half)
    _write(writer, weights, shape, calibration)
    side = shape.side_px
    graph = helper.make_graph(
        writer.nodes,
        "ferplus",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 1, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", len(EMOTIONS)])],
        writer.numbers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    model.producer_name = "moodreel"
    helper.set_model_props(model, dict(facts))
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _write(writer: _Writer, weights: Weights, shape: Shape, calibration: Calibration) -> None:
    flow = _brought_to_size(writer, shape)
    mean, factor = (writer.number(name, np.array(value)) for name, value in _scaling(shape).items())
    flow = writer.node("Mul", writer.node("Sub", flow, mean), factor)
    for name, stride in (("stem.0", 2), ("stem.2", 1)):
        flow = writer.node("Relu", writer.convolution(name, flow, *_folded(weights, name), stride=stride))
    for place in range(sum(shape.depths)):
        opens_stage = place in np.cumsum(shape.depths)[:-1]
        flow = _block(writer, weights, f"blocks.{place}", flow, 2 if opens_stage else 1)
    seen = writer.node("Flatten", writer.node("GlobalAveragePool", flow))
    scaled = weights["head.weight"] * calibration.scales[:, None]
    shifted = weights["head.bias"] * calibration.scales + calibration.shifts
    inputs = (writer.number("head.weight", scaled), writer.number("head.bias", shifted))
    writer.node("Gemm", seen, *inputs, output="logits", transB=1)


def _brought_to_size(writer: _Writer, shape: Shape) -> str:
    scales = writer.number("scales", np.array([1, 1, *[shape.inner_px / shape.side_px] * 2]))
    return writer.node("Resize", "faces", "", scales, mode="linear", coordinate_transformation_mode="half_pixel")


def _block(writer: _Writer, weights: Weights, name: str, source: str, stride: int) -> str:
    flow = writer.convolution(f"{name}.first", source, *_folded(weights, f"{name}.first"), stride=stride)
    flow = writer.convolution(f"{name}.second", writer.node("Relu", flow), *_folded(weights, f"{name}.second"))
    flow = _squeezed(writer, weights, f"{name}.squeeze", flow)
    short = writer.node("AveragePool", source, kernel_shape=[2, 2], strides=[2, 2]) if stride == 2 else source
    if f"{name}.shortcut.0.weight" in weights:
        short = writer.convolution(f"{name}.shortcut", short, *_folded(weights, f"{name}.shortcut"))
    return writer.node("Relu", writer.node("Add", short, flow))


def _squeezed(writer: _Writer, weights: Weights, name: str, source: str) -> str:
    seen = writer.node("GlobalAveragePool", source)
    down, up = ((weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"]) for part in ("down", "up"))
    seen = writer.node("Relu", writer.convolution(f"{name}.down", seen, *down))
    return writer.node("Mul", source, writer.node("Sigmoid", writer.convolution(f"{name}.up", seen, *up)))


def _folded(weights: Weights, name: str) -> tuple[Array, Array]:
    """Weight and bias of a convolution that does what it and its batch norm did."""
    norm = {part: weights[f"{name}.1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
    gain = norm["weight"] / np.sqrt(norm["running_var"] + NORM_EPSILON)
    return weights[f"{name}.0.weight"] * gain[:, None, None, None], norm["bias"] - norm["running_mean"] * gain


def _scaling(shape: Shape) -> dict[str, float]:
    return {"mean": shape.mean, "factor": 1 / shape.deviation}
