"""The net of the FER+ paper (VGG13, arXiv:1608.01041, 8.76 M parameters) with random weights, to be raced against."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.graph import IR, OPSET

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (256, 256, 256))
"""Channels of the 3 x 3 convolutions, a pooling after each group."""
_DENSE = (1024, 1024, 8)


def vgg13(seed: int = 1) -> bytes:
    """An ONNX file of it, on the FER+ contract; what it answers means nothing."""
    writer, flow, channels, side = _Writer(seed), "faces", 1, 64
    for stage in _STAGES:
        for width in stage:
            flow = writer.layer("Conv", (width, channels, 3, 3), flow, pads=[1] * 4)
            flow, channels = writer.plain("Relu", flow), width
        flow, side = writer.plain("MaxPool", flow, kernel_shape=[2, 2], strides=[2, 2]), side // 2
    flow, size = writer.plain("Flatten", flow), channels * side * side
    for width in _DENSE:
        flow = writer.layer("Gemm", (width, size), flow, transB=1)
        flow, size = writer.plain("Relu", flow) if width != _DENSE[-1] else flow, width
    return writer.file(flow)


class _Writer:
    """Nodes and random numbers of a graph; each method returns the name of what comes out."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._numbers: list[onnx.TensorProto] = []

    def layer(self, kind: str, shape: tuple[int, ...], source: str, **attributes: object) -> str:
        """A node with weights, as large as keeps what flows at its size."""
        values = self._random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        parts = {f"weight-{len(self._nodes)}": values, f"bias-{len(self._nodes)}": np.zeros(shape[0])}
        self._numbers += [numpy_helper.from_array(array.astype(np.float32), name) for name, array in parts.items()]
        return self.plain(kind, source, *parts, **attributes)

    def plain(self, kind: str, *inputs: str, **attributes: object) -> str:
        """A node."""
        name = f"{kind.lower()}-{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def file(self, answer: str) -> bytes:
        """The whole, on the FER+ contract."""
        faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 1, 64, 64])
        logits = helper.make_tensor_value_info(answer, TensorProto.FLOAT, ["n", 8])
        graph = helper.make_graph(self._nodes, "vgg13", [faces], [logits], self._numbers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        data: bytes = model.SerializeToString()
        return data
