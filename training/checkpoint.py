"""Where a training is, on disk: enough to go on as if it had never stopped. Needs torch."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from training.net import FerNet, NetPlan
from training.schedule import Plan
from workers.errors import SettingsError

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training after some of its parts."""

    plan: Plan
    net_plan: NetPlan
    parts_done: int
    losses: Sequence[float]
    """Of the steps of the epoch that is not done yet."""
    step: int
    net: Mapping[str, Any]
    average: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    data_sha256: str
    begun_with: str = ""
    """What its first weights were, for people; empty where they were random."""

    @property
    def origin(self) -> str:
        """What a training that begins with this one's weights begins with, for people."""
        return f"{self.begun_with or 'random weights'}, {self.epochs_done} epochs on"

    @property
    def epochs_done(self) -> int:
        """Whole ones."""
        return self.parts_done // self.plan.parts

    def average_net(self) -> FerNet:
        """The net with its average weights, ready to be asked."""
        net = FerNet(self.net_plan)
        net.load_state_dict(self.average)
        net.eval()
        return net


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write it whole or not at all."""
    half = path.with_suffix(".part")
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    plans = {"plan": asdict(checkpoint.plan), "net_plan": asdict(checkpoint.net_plan)}
    with half.open("wb") as stream:
        torch.save({"format": FORMAT, **fields, **plans}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    half.replace(path)


def load(path: Path) -> Checkpoint:
    """Raises SettingsError for a file that is no checkpoint of ours."""
    remedy = "give the checkpoint.pt of `python -m training.train`"
    try:
        fields = dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # what torch raises for damaged files is not documented
        raise SettingsError(f"{path} is no checkpoint: {error}", remedy) from error
    if fields.pop("format", None) != FORMAT:
        raise SettingsError(f"{path} is no checkpoint, or one of another version", remedy)
    return Checkpoint(Plan(**fields.pop("plan")), NetPlan(**fields.pop("net_plan")), **fields)
