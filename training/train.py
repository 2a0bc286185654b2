"""Train a net on FER+ arrays: a checkpoint after each part of an epoch, a line of JSON after each epoch.

    python -m training.train --data ferplus_train.npz --valid ferplus_valid.npz --out DIR [--resume]

Two trainings with one seed, one number of threads and one machine give the same numbers, stopped and resumed or not.
Needs torch (`pip install .[train]`).
"""

import argparse
import hashlib
import json
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Generator

from training import checkpoint as checkpoints
from training.augment import augmented
from training.commands import run
from training.data import Faces, load
from training.labels import usable
from training.measures import measure
from training.net import NETS, FerNet
from training.revive import origin, trained, unfolded
from training.schedule import Plan
from training.trainer import Lesson, Trainer, predict
from workers.errors import SettingsError

PRECISIONS = ("auto", "float32", "bfloat16")
CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
SEEN = 2048
"""Pictures from which the batch norms of a net to begin with learn what they are shown."""


def main() -> int:
    """Read the arguments, train."""
    asked = _parser().parse_args()
    torch.set_num_threads(asked.threads)
    asked.precision = _precision(asked.precision, asked.device)
    plan = replace(Plan(), **{field.name: getattr(asked, field.name) for field in fields(Plan)})
    going = Going(asked.resume, asked.until, asked.device, tuple(asked.teacher), asked.begin)
    train(plan, load(asked.data).where(slice(asked.most)), load(asked.valid), asked.out, going)
    return 0


@dataclass(frozen=True, slots=True)
class Going:
    """How a training goes on, and where."""

    resume: bool = False
    until: int | None = None
    """Stop when so many epochs are done."""
    device: str = "cpu"
    teachers: tuple[Path, ...] = ()
    """Checkpoints and graphs of nets to learn from besides the votes."""
    begin: Path | None = None
    """The checkpoint or graph of a net to begin with, instead of random weights."""


def train(plan: Plan, faces: Faces, valid: Faces, out: Path, going: Going = Going()) -> None:
    """Train by a plan on the usable faces; checkpoint and log are in `out`.

    Raises SettingsError where a checkpoint is in the way, or belongs to another plan, other data or other teachers.
    """
    out.mkdir(parents=True, exist_ok=True)
    faces = faces.where(usable(faces.votes))
    trainer = _begun(plan, faces, out / CHECKPOINT, going)
    lesson = Lesson(faces, [trained(path) for path in going.teachers], going.device)
    _forget_later(out / LOG, trainer.parts_done // plan.parts)
    began = time.monotonic()
    while not trainer.done and not (going.until and trainer.parts_done >= going.until * plan.parts):
        trainer.part(lesson)
        if trainer.parts_done % plan.parts == 0:
            line = _known(trainer, valid) | {"seconds": round(time.monotonic() - began, 1)}
            with (out / LOG).open("a", encoding="utf-8") as log:
                print(json.dumps(line), file=log)
            began = time.monotonic()
        checkpoints.save(out / CHECKPOINT, trainer.checkpoint())


def _forget_later(log: Path, epochs: int) -> None:
    """Drop what the log says of epochs that no checkpoint has: they are done again."""
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        log.write_text("".join(line for line in lines if json.loads(line)["epoch"] <= epochs), encoding="utf-8")


def _known(trainer: Trainer, valid: Faces) -> dict[str, float]:
    """What the log says of the net's average after an epoch."""
    measured = measure(predict(trainer.average, valid.images), valid.votes)
    return {
        "epoch": trainer.parts_done // trainer.plan.parts,
        "loss": float(np.mean(trainer.losses)),
        "accuracy": measured.accuracy,
        "macro_recall": measured.macro_recall,
        "cross_entropy": measured.cross_entropy,
        "calibration": measured.calibration,
    }


def _precision(asked: str, device: str) -> str:
    """What to compute in: where nobody said, the fastest that the device has instructions for."""
    if asked not in PRECISIONS:
        raise SettingsError(f"--precision {asked!r} is not known", f"give one of: {', '.join(PRECISIONS)}")
    if asked != "auto":
        return asked
    return "bfloat16" if device != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16") else "float32"


def _begun(plan: Plan, faces: Faces, path: Path, going: Going) -> Trainer:
    if plan.net not in NETS:
        raise SettingsError(f"there is no net {plan.net!r}", f"the nets are: {', '.join(NETS)}")
    learnt_from = _digest(faces, going)
    if not path.exists():
        trainer = Trainer(plan, NETS[plan.net], learnt_from, going.device)
        if going.begin:
            trainer.begin_with(_begin(plan, faces, going.begin), origin(going.begin))
        return trainer
    if not going.resume:
        raise SettingsError(f"{path} exists already", "go on with --resume, or give another --out")
    saved = checkpoints.load(path)
    if saved.plan != plan or saved.data_sha256 != learnt_from:
        raise SettingsError(f"{path} is of another plan or other data", "resume with the arguments that it began with")
    return Trainer.resumed(saved, going.device)


def _begin(plan: Plan, faces: Faces, path: Path) -> FerNet:
    """The net to begin with, with batch norms that know pictures as training shows them."""
    net, wanted = trained(path), NETS[plan.net]
    if replace(net.plan, drop_path=wanted.drop_path, dropout=wanted.dropout) != wanted:
        raise SettingsError(f"{path} holds no net of the shape {plan.net!r}", "give --net as it was trained with")
    some = np.random.default_rng(plan.seed).permutation(len(faces))[:SEEN]
    shown = torch.from_numpy(faces.images[some])[:, None].float()
    return unfolded(net, augmented(shown, wanted.side_px, Generator().manual_seed(plan.seed)))


def _digest(faces: Faces, going: Going) -> str:
    """Of all that is learnt from."""
    parts = [faces.images.tobytes(), faces.votes.tobytes(), *map(_content, going.teachers)]
    begin = [] if going.begin is None else [b"begun with", _content(going.begin)]
    return _sha256(b"".join(parts + begin))


def _content(net: Path) -> bytes:
    try:
        return net.read_bytes()
    except OSError as error:
        hint = "give a checkpoint, or what `training.export` made of one"
        raise SettingsError(f"{net} cannot be read: {error.strerror}", hint) from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="faces to learn from", metavar="NPZ")
    parser.add_argument("--valid", type=Path, required=True, help="faces to measure on after each epoch", metavar="NPZ")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoint and log go", metavar="DIR")
    parser.add_argument("--resume", action="store_true", help="go on where DIR stopped")
    parser.add_argument("--until", type=int, help="stop when so many epochs are done", metavar="N")
    parser.add_argument("--most", type=int, help="learn from the first N faces only", metavar="N")
    parser.add_argument(
        "--teacher",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a net to learn from, a checkpoint or what `training.export` made of one; repeatable",
    )
    parser.add_argument(
        "--from",
        type=Path,
        dest="begin",
        metavar="FILE",
        help="begin with a trained net, a checkpoint or what `training.export` made of one, instead of random weights",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--precision", default="auto", help="auto, float32 or bfloat16")
    for field in (one for one in fields(Plan) if one.name != "precision"):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    return parser


if __name__ == "__main__":
    run(main)
