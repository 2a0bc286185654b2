"""A net again from a graph of ours: the packaged model can teach the next one, or be trained further. Needs torch."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from training import checkpoint as checkpoints
from training.graph import NORM_EPSILON
from training.net import Convolution, FerNet, NetPlan
from training.schedule import FULL_PX
from training.scored import read_model
from workers.errors import SettingsError

GRAPH = ".onnx"
NORM_OF_NEW = 1 / 3
"""The mean square norm of the filters of a new net; how far a step of one length turns a filter depends on it."""

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


def origin(path: Path) -> str:
    """Where a net that `trained` gives is from, for people."""
    if path.suffix != GRAPH:
        return checkpoints.load(path).origin
    return f"the model of SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}"


def revived(model: bytes) -> FerNet:
    """The net of a graph, with its calibration; its batch norms change nothing any more."""
    graph = onnx.load_from_string(model).graph
    numbers = {one.name: numpy_helper.to_array(one).astype(np.float32) for one in graph.initializer}
    halving = {node.name for node in graph.node for one in node.attribute if one.name == "strides" and 2 in one.ints}
    net = FerNet(_plan(numbers, halving))
    net.load_state_dict({name: torch.from_numpy(value) for name, value in _state(numbers, net)})
    net.eval()
    return net


def unfolded(net: FerNet, pictures: Tensor) -> FerNet:
    """The net of a graph as one to train further: it says the same, and its batch norms have something to do again.

    They normalise by what these pictures, float32 [n, 1, side, side], are to them, and filters are as long as a new
    net's. A net whose batch norms still have their own statistics is returned as it is.
    """
    folded = [one for one in net.modules() if isinstance(one, Convolution) and _is_folded(one[1])]
    watches = [one[0].register_forward_hook(_unfold(one)) for one in folded]
    try:
        with torch.no_grad():
            net.eval()(pictures)
    finally:
        for watch in watches:
            watch.remove()
    return net


def _is_folded(norm: nn.BatchNorm2d) -> bool:
    return not norm.running_mean.any() and bool((norm.running_var == np.float32(1 - NORM_EPSILON)).all())


def _unfold(one: Convolution) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """What is to be done with the convolution's first result: make the norm undo what it does to it, then do it."""
    convolution, norm = one

    def done(_module: nn.Module, _given: tuple[Tensor, ...], result: Tensor) -> Tensor:
        variance, mean = torch.var_mean(result, (0, 2, 3), correction=0)
        shrink = (NORM_OF_NEW / convolution.weight.square().sum((1, 2, 3)).mean()).sqrt()
        convolution.weight *= shrink
        norm.weight.copy_((variance + NORM_EPSILON / shrink**2).sqrt())
        norm.bias += mean
        norm.running_mean.copy_(mean * shrink)
        norm.running_var.copy_(variance * shrink**2)
        return result * shrink

    return done


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
