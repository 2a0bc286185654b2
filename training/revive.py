"""A net again from a graph of ours: the packaged model can teach the next one. Needs torch."""

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from training import checkpoint as checkpoints
from training.graph import NORM_EPSILON
from training.net import FerNet, NetPlan
from training.schedule import FULL_PX
from training.scored import read_model
from workers.errors import SettingsError

GRAPH = ".onnx"

Numbers = Mapping[str, NDArray[np.float32]]


def trained(path: Path) -> FerNet:
    """The net of a checkpoint, or of a graph that `training.export` wrote. Raises SettingsError for anything else."""
    if path.suffix != GRAPH:
        return checkpoints.load(path).average_net()
    try:
        return revived(read_model(path))
    except (DecodeError, LookupError, ValueError, RuntimeError) as error:  # the last: shapes that do not fit
        raise SettingsError(
            f"{path} is no graph of `training.export`", "a net of another kind cannot teach; give a checkpoint"
        ) from error


def revived(model: bytes) -> FerNet:
    """The net of a graph, with its calibration; its batch norms change nothing any more."""
    graph = onnx.load_from_string(model).graph
    numbers = {one.name: numpy_helper.to_array(one).astype(np.float32) for one in graph.initializer}
    halving = {node.name for node in graph.node for one in node.attribute if one.name == "strides" and 2 in one.ints}
    net = FerNet(_plan(numbers, halving))
    net.load_state_dict({name: torch.from_numpy(value) for name, value in _state(numbers, net)})
    net.eval()
    return net


def _plan(numbers: Numbers, halving: set[str]) -> NetPlan:
    widths, depths = list[int](), list[int]()
    for place in count():
        first = numbers.get(f"blocks.{place}.first.weight")
        if first is None:
            break
        if not widths or f"blocks.{place}.first" in halving:
            widths.append(len(first))
            depths.append(0)
        depths[-1] += 1
    return NetPlan(
        side_px=round(FULL_PX * float(numbers["scales"][-1])),
        stem=(len(numbers["stem.0.weight"]), len(numbers["stem.2.weight"])),
        widths=tuple(widths),
        depths=tuple(depths),
        squeeze=widths[0] // len(numbers["blocks.0.squeeze.down.weight"]),
    )


def _state(numbers: Numbers, net: FerNet) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """All that the net has to know; what the graph holds of a convolution has its batch norm folded in."""
    for name, value in net.state_dict().items():
        module, _, part = name.rpartition(".")
        if name in numbers:
            yield name, numbers[name]
        elif module.endswith(".0"):
            yield name, numbers[f"{module[:-2]}.weight"]
        elif part == "bias":
            yield name, numbers[f"{module[:-2]}.bias"]
        else:
            still = {"weight": 1.0, "running_var": 1 - NORM_EPSILON, "running_mean": 0.0, "num_batches_tracked": 0}
            yield name, np.full(tuple(value.shape), still[part], str(value.dtype).removeprefix("torch."))
