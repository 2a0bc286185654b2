"""Write the model card of a FER+ model from what it does: nothing in it is typed by hand that can be measured.

    python -m training.card ferplus.onnx --valid ferplus_valid.npz [--test ferplus_test.npz] --out workers/models

Writes ferplus.md and ferplus-confusion.svg, and prints size and hash as the catalogue wants them. Races the model for
its speed: leave the machine alone meanwhile.
"""

import argparse
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from db.emotions import EMOTIONS
from training import robustness
from training.chart import confusion_svg
from training.commands import run
from training.data import Faces, load
from training.measures import Measured, measure
from training.pictures import enlarged
from training.scored import BATCH, read_model, score
from training.speed import raced
from training.vgg13 import vgg13

CHART, CARD = "ferplus-confusion.svg", "ferplus.md"
ROUNDS = 40


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the card tells."""

    file: str
    size: int
    sha256: str
    parameters: int
    metadata: Mapping[str, str]
    measured: Mapping[str, Measured]
    """By split."""
    robust: Mapping[str, float]
    """Accuracy on valid under each change; first the pictures as they are."""
    ms_a_face: Mapping[str, float]
    """Of `model`, `alone` (one face a run) and `vgg13`."""


def main() -> int:
    """Measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--valid", type=Path, required=True, metavar="NPZ")
    parser.add_argument(
        "--test", type=Path, help="measured only if given: nothing may be selected on it", metavar="NPZ"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    asked = parser.parse_args()
    splits = {"valid": load(asked.valid)} | ({"test": load(asked.test)} if asked.test else {})
    facts = gathered(asked.model.name, read_model(asked.model), splits)
    (asked.out / CHART).write_text(confusion_svg(facts.measured["valid"].confusion), encoding="utf-8")
    (asked.out / CARD).write_text(card(facts), encoding="utf-8")
    print(f'size={facts.size:_}, sha256="{facts.sha256}"')
    return 0


def gathered(name: str, model: bytes, splits: Mapping[str, Faces]) -> Facts:
    """Measure a model file on splits, of which one is `valid`."""
    read = onnx.load_from_string(model)
    laps = raced({"model": model, "vgg13": vgg13()}, ROUNDS, BATCH) | {"alone": raced({"": model}, ROUNDS, 1)[""]}
    return Facts(
        file=name,
        size=len(model),
        sha256=hashlib.sha256(model).hexdigest(),
        parameters=sum(int(np.prod(one.dims)) for one in read.graph.initializer),
        metadata={one.key: one.value for one in read.metadata_props},
        measured={
            name: measure(score(model, enlarged(faces.images)).logits, faces.votes) for name, faces in splits.items()
        },
        robust=dict(robustness.measured(model, splits["valid"])),
        ms_a_face={name: float(np.median(one)) for name, one in laps.items()},
    )


def card(facts: Facts) -> str:
    """The page, in Markdown."""
    ratio = facts.ms_a_face["vgg13"] / facts.ms_a_face["model"]
    return _TEXT.format(
        file=facts.file,
        size=f"{facts.size:,}",
        sha256=facts.sha256,
        parameters=f"{facts.parameters / 1e6:.2f}",
        version=facts.metadata.get("version", "unknown"),
        date=facts.metadata.get("date", "unknown"),
        data=facts.metadata.get("data", "unknown"),
        origin=_origin(facts.metadata),
        quality="\n".join(_quality(facts.measured)),
        chart=CHART,
        robust="\n".join(_robust(facts.robust)),
        ms=f"{facts.ms_a_face['model']:.1f}",
        alone=f"{facts.ms_a_face['alone']:.1f}",
        vgg=f"{facts.ms_a_face['vgg13']:.1f}",
        ratio=f"{ratio:.1f}",
        faults="\n".join(_faults(facts.measured["valid"], facts.robust)),
    )


def _origin(metadata: Mapping[str, str]) -> str:
    epochs = metadata.get("epochs", "an unknown number of")
    begun_with = metadata.get("begun_with")
    if begun_with:
        return f"Trained for {epochs} epochs, begun with\n{begun_with},"
    return f"Trained from scratch for {epochs} epochs"


def _quality(measured: Mapping[str, Measured]) -> Iterator[str]:
    def row(name: str, cells: Sequence[str]) -> str:
        return f"| {name} | {' | '.join(cells)} |"

    splits = list(measured.values())
    yield row("", [f"{name} ({one.faces:,} pictures)" for name, one in measured.items()])
    yield row("---", ["---"] * len(splits))
    yield row(
        "accuracy (95 % interval)",
        [f"{one.accuracy:.1%} ({one.interval_95[0]:.1%} to {one.interval_95[1]:.1%})" for one in splits],
    )
    yield row("macro recall of the eight", [f"{one.macro_recall:.1%}" for one in splits])
    for emotion in EMOTIONS:
        yield row(f"recall of {emotion}", [_share(one.recall[emotion]) for one in splits])
    yield row("class-wise calibration error against the votes", [f"{one.calibration:.4f}" for one in splits])
    yield row("cross-entropy to the vote shares", [f"{one.cross_entropy:.3f}" for one in splits])


def _share(value: float) -> str:
    return "none shown" if math.isnan(value) else f"{value:.0%}"


def _robust(robust: Mapping[str, float]) -> Iterator[str]:
    straight = next(iter(robust.values()))
    yield "| pictures of valid | accuracy | points lost |"
    yield "|---|---|---|"
    for name, accuracy in robust.items():
        yield f"| {name} | {accuracy:.1%} | {100 * (straight - accuracy):.1f} |"


def _faults(measured: Measured, robust: Mapping[str, float]) -> Iterator[str]:
    weak = [(name, recall) for name, recall in measured.recall.items() if recall < 0.5]
    straight = next(iter(robust.values()))
    for name, recall in weak:
        yield f"* It finds {recall:.0%} of the faces that most people call {name}. A low share of it tells nothing."
    for name, accuracy in robust.items():
        if straight - accuracy > robustness.MOST_LOST:
            yield f"* It loses {100 * (straight - accuracy):.1f} points on pictures that are: {name}."


_TEXT = """# ferplus: model card

| | |
|---|---|
| file | `{file}`, {size} bytes, opset 17 |
| SHA-256 | `{sha256}` |
| made by | the Moodreel project, version {version}, {date} |
| licence | MIT |

## What it is

A residual net ({parameters} M parameters, squeeze-and-excitation) that gives the eight emotions of FER+ for one face.
{origin}
by `training/` on {data}; soft labels as in
[arXiv:1608.01041](https://arxiv.org/abs/1608.01041). Its weights are an average over training (EMA), stored in half
precision; its logits are calibrated on the valid part.

## What goes in and what comes out

* `faces`, float32 [n, 1, 64, 64]: gray, 0..255 unscaled (the scaling is in the graph). The crop must be framed and
  turned as `workers/detection/crop.py` does it.
* `logits`, float32 [n, 8]: softmax them. Order: neutral, happiness, surprise, sadness, anger, disgust, fear, contempt.

## How well it does

On FER+, pictures where more than half of the taggers agree. It was selected and calibrated on valid.

{quality}

![Confusion matrix on valid: what people saw, by what the model says]({chart})

{robust}

Speed with ONNX Runtime, one thread, in one run: {ms} ms a face in batches of 16, {alone} ms alone; the paper's VGG13
(random weights) {vgg} ms in batches, {ratio} times as long.

## Known faults

{faults}
* It was trained on pictures of 48 x 48 pixels of one data set. How it does on other cameras, poses and lights was
  measured only as above, and how it differs between groups of people not at all.

## What it must not be used for

Its labels are what ten people said a picture shows, not what the person in it feels. Do not use it to judge, select,
rank or watch a person: not in hiring, at work, in teaching or examinations, in policing or at borders, in credit or
insurance, and not to diagnose. Inferring emotions at the workplace and in education is prohibited in the European
Union, but for medical and safety reasons (Regulation (EU) 2024/1689, Article 5(1)(f)). Use it on recordings whose
people agreed to it, and report shares over many frames or people rather than single frames.

Made by `python -m training.card`; see [how to train a model of your own](../../docs/howto/train-a-model.md).
"""


if __name__ == "__main__":
    run(main)
