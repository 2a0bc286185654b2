"""Measure a FER+ model, an ONNX file of any origin, on FER+ arrays.

    python -m training.evaluate MODEL.onnx --data ferplus_valid.npz [--json] [--chart confusion.svg]

Accuracy and recall are over the pictures where more than half of the taggers agree (arXiv:1608.01041), cross-entropy
and calibration against the shares of their votes. Times are of one thread.
"""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

from training.chart import confusion_svg
from training.commands import run
from training.data import load
from training.measures import Measured, measure
from training.pictures import enlarged
from training.scored import BATCH, read_model, score


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="float32 [n,1,64,64] in, eight logits out", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, help="pictures and votes", metavar="NPZ")
    parser.add_argument("--batch", type=int, default=BATCH, help="faces a run", metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--chart", type=Path, help="draw the confusion matrix", metavar="SVG")
    asked = parser.parse_args()
    faces = load(asked.data)
    scored = score(read_model(asked.model), enlarged(faces.images), asked.batch)
    measured = measure(scored.logits, faces.votes)
    if asked.chart:
        asked.chart.write_text(confusion_svg(measured.confusion), encoding="utf-8")
    print(as_json(measured, scored.ms_a_face) if asked.json else as_text(measured, scored.ms_a_face))
    return 0


def as_json(measured: Measured, ms_a_face: float) -> str:
    """The measures as one JSON object; what could not be measured is null."""
    recall = {name: None if math.isnan(value) else value for name, value in measured.recall.items()}
    return json.dumps(asdict(measured) | {"recall": recall, "ms_a_face": ms_a_face}, indent=2)


def as_text(measured: Measured, ms_a_face: float) -> str:
    """The measures as lines for people."""
    low, high = measured.interval_95
    lines = [
        f"pictures that count   {measured.faces}",
        f"accuracy              {measured.accuracy:.2%} (95 %: {low:.2%} to {high:.2%})",
        f"macro recall          {measured.macro_recall:.2%}",
        *(f"  {emotion:<19} {value:.1%}" for emotion, value in measured.recall.items()),
        f"cross-entropy         {measured.cross_entropy:.4f}",
        f"calibration error     {measured.calibration:.4f}",
        f"ms a face             {ms_a_face:.2f}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
