"""One training, epoch by epoch: soft labels with mixup, Nesterov steps, and an average of the weights. Needs torch."""

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional

from training.augment import augmented
from training.checkpoint import Checkpoint
from training.data import Faces
from training.labels import soft_targets
from training.net import FerNet, NetPlan
from training.schedule import FULL_PX, Plan, draw_seed, ema_keep, learning_rate, order, part_of


class Lesson:
    """What is learnt from, where the net is: pictures uint8 [n, 48, 48], a target each, float32 [n, 8], and teachers.

    Teachers see each picture as the net sees it; what they say is averaged and mixed into the target.
    """

    def __init__(self, faces: Faces, teachers: Sequence[FerNet] = (), device: str = "cpu") -> None:
        self.shares = soft_targets(faces.votes)
        self.pictures = torch.from_numpy(faces.images).to(device)
        self.targets = torch.from_numpy(self.shares.astype(np.float32)).to(device)
        self._teachers = [one.to(device, memory_format=torch.channels_last) for one in teachers]

    def shown(self, rows: NDArray[np.intp]) -> Tensor:
        """Some of the pictures, float32 [m, 1, 48, 48], 0..255."""
        return self.pictures[torch.from_numpy(rows)][:, None].float()

    def taught(self, shown: Tensor, targets: Tensor, weight: float) -> Tensor:
        """The targets, drawn by `weight` towards what the teachers say of the pictures shown."""
        if not self._teachers:
            return targets
        with torch.no_grad():
            said = torch.stack([one(shown).float().softmax(dim=1) for one in self._teachers]).mean(dim=0)
        return targets.lerp(said, weight)


class Trainer:
    """A net in training. What a part of an epoch draws depends on the plan's seed and the part alone."""

    def __init__(self, plan: Plan, net_plan: NetPlan, data_sha256: str, device: str = "cpu") -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.data_sha256 = data_sha256
        self.begun_with = ""
        self.device = device
        self.net = FerNet(net_plan).to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        self.optimizer = torch.optim.SGD(_groups(self.net, plan.decay), lr=0.0, momentum=0.9, nesterov=True)
        self.parts_done = 0
        self.step = 0
        self.losses: list[float] = []

    @classmethod
    def resumed(cls, saved: Checkpoint, device: str = "cpu") -> Self:
        """A trainer that goes on where a checkpoint was written."""
        trainer = cls(saved.plan, saved.net_plan, saved.data_sha256, device)
        trainer.net.load_state_dict(saved.net)
        trainer.average.load_state_dict(saved.average)
        trainer.optimizer.load_state_dict(dict(saved.optimizer))
        trainer.parts_done, trainer.step, trainer.losses = saved.parts_done, saved.step, list(saved.losses)
        trainer.begun_with = saved.begun_with
        return trainer

    def begin_with(self, net: FerNet, origin: str) -> None:
        """Begin with the weights of a net of the same shape instead of random ones; `origin` says where it is from."""
        self.net.load_state_dict(net.state_dict())
        self.average.load_state_dict(net.state_dict())
        self.begun_with = origin

    def checkpoint(self) -> Checkpoint:
        """Where it is."""
        return Checkpoint(
            plan=self.plan,
            net_plan=self.net.plan,
            parts_done=self.parts_done,
            losses=self.losses,
            step=self.step,
            net=self.net.state_dict(),
            average=self.average.state_dict(),
            optimizer=self.optimizer.state_dict(),
            data_sha256=self.data_sha256,
            begun_with=self.begun_with,
        )

    @property
    def done(self) -> bool:
        """Whether all epochs are."""
        return self.parts_done >= self.plan.epochs * self.plan.parts

    def part(self, lesson: Lesson) -> None:
        """Show the next part of an epoch; in a whole one, every face is shown about once."""
        epoch, part = divmod(self.parts_done, self.plan.parts)
        seed = draw_seed(self.plan, epoch, use=1 + part)
        torch.manual_seed(seed)
        random = Generator(self.device).manual_seed(seed)
        self.net.train()
        batches = part_of(self.plan, order(self.plan, lesson.shares, epoch), part)
        losses = []
        for place, rows in enumerate(batches):
            self._set_rate(epoch + (part + place / len(batches)) / self.plan.parts)
            shown = augmented(lesson.shown(rows), self.net.plan.side_px, random)
            losses.append(self._step(lesson, shown, lesson.targets[torch.from_numpy(rows)], random))
        self.losses = ([] if part == 0 else self.losses) + [float(loss) for loss in losses]
        self.parts_done += 1

    def _set_rate(self, progress_epochs: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.plan, progress_epochs)

    def _step(self, lesson: Lesson, shown: Tensor, targets: Tensor, random: Generator) -> Tensor:
        shown, targets = _mixed(shown, targets, self.plan.mixup, random)
        shown = shown.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            targets = lesson.taught(shown, targets, self.plan.teach)
            logits = self.net(shown)
        loss = soft_cross_entropy(logits.float(), targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self._average()
        return loss.detach()

    def _average(self) -> None:
        keep = ema_keep(self.plan, self.step)
        self.step += 1
        means, values = self.average.state_dict(), self.net.state_dict()
        floating = [name for name, value in values.items() if value.is_floating_point()]
        with torch.no_grad():
            for name in floating:
                means[name].lerp_(values[name], 1 - keep)
            for name in values.keys() - floating:
                means[name].copy_(values[name])


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy of rows of logits to rows of shares."""
    return -(functional.log_softmax(logits, dim=1) * targets).sum(dim=1).mean()


def predict(net: FerNet, images: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float64]:
    """Logits, float64 [n, 8], of FER2013 pictures, enlarged as the finished graph is given them but for rounding."""
    device = next(net.parameters()).device
    parts = []
    with torch.no_grad():
        for at in range(0, len(images), batch):
            pictures = torch.from_numpy(images[at : at + batch])[:, None].float()
            large = functional.interpolate(pictures, size=(FULL_PX, FULL_PX), mode="bilinear", align_corners=False)
            parts.append(net(large.round().to(device)).cpu().numpy())
    return np.concatenate(parts).astype(np.float64)


def _mixed(shown: Tensor, targets: Tensor, alpha: float, random: Generator) -> tuple[Tensor, Tensor]:
    """Each picture with some of another of the batch, and so its target."""
    if not alpha:
        return shown, targets
    share = _beta(alpha, len(shown), random)
    other = torch.randperm(len(shown), generator=random, device=random.device)
    pixels, column = share.view(-1, 1, 1, 1), share.view(-1, 1)
    return shown * pixels + shown[other] * (1 - pixels), targets * column + targets[other] * (1 - column)


def _beta(alpha: float, count: int, random: Generator) -> Tensor:
    """Beta(alpha, alpha) for alpha of at most 1, by Johnk's method, the larger side; a half where ten tries failed."""
    share = torch.full((count,), 0.5, device=random.device)
    found = torch.zeros(count, dtype=torch.bool, device=random.device)
    for _ in range(10):
        one, two = torch.rand(2, count, generator=random, device=random.device) ** (1 / alpha)
        fits = ~found & (one + two <= 1) & (one + two > 0)
        share, found = torch.where(fits, one / (one + two), share), found | fits
    return torch.maximum(share, 1 - share)


def _groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weights that decay, and those that do not: biases and what batch norm learns."""
    parameters = list(net.parameters())
    return [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": decay},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]
