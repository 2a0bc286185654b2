"""Make an ONNX file of a training: calibrated, measured, and with its history as metadata.

    python -m training.export DIR/checkpoint.pt --valid ferplus_valid.npz --out ferplus.onnx --version 1

Logits are calibrated on the valid pictures; the calibration that is reported is cross-fitted, each half of the pictures
by the other. Needs torch.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from db.emotions import EMOTIONS
from training import checkpoint as checkpoints
from training.calibrate import Calibration, cross_fitted, fitted, untouched
from training.checkpoint import Checkpoint
from training.commands import run
from training.data import Faces, load
from training.graph import Shape, build
from training.labels import decided, vote_shares
from training.measures import measure
from training.net import DEVIATION, MEAN
from training.pictures import enlarged
from training.schedule import FULL_PX
from training.scored import score


def main() -> int:
    """Read the arguments, export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="of `python -m training.train`", metavar="CHECKPOINT")
    parser.add_argument("--valid", type=Path, required=True, help="faces to calibrate and measure on", metavar="NPZ")
    parser.add_argument("--out", type=Path, required=True, metavar="ONNX")
    parser.add_argument("--version", required=True, help="what the metadata calls it")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), metavar="YYYY-MM-DD")
    parser.add_argument("--data", default="FER+ train (arXiv:1608.01041)", help="what it learnt from")
    parser.add_argument("--float32", action="store_true", help="store weights whole instead of in halves")
    asked = parser.parse_args()
    origin = {"version": asked.version, "date": asked.date.isoformat(), "data": asked.data}
    data = exported(checkpoints.load(asked.checkpoint), load(asked.valid), origin, half=not asked.float32)
    asked.out.write_bytes(data)
    print(f"{asked.out}: {len(data):,} bytes", file=sys.stderr)
    return 0


def exported(saved: Checkpoint, valid: Faces, origin: Mapping[str, str], *, half: bool = True) -> bytes:
    """The ONNX file of a checkpoint's average net."""
    valid = valid.where(decided(valid.votes))
    pictures, shares = enlarged(valid.images), vote_shares(valid.votes)
    raw = score(graph_of(saved, untouched(), {}, half=half), pictures).logits
    honest = measure(cross_fitted(raw, shares), valid.votes)
    final = measure(fitted(raw, shares).applied(raw), valid.votes)
    metrics = {
        "pictures": final.faces,
        "accuracy": final.accuracy,
        "macro_recall": final.macro_recall,
        "cross_entropy": final.cross_entropy,
        "calibration": final.calibration,
        "cross_entropy_cross_fitted": honest.cross_entropy,
        "calibration_cross_fitted": honest.calibration,
    }
    facts = {
        "model": "moodreel-ferplus",
        **origin,
        "labels": " ".join(EMOTIONS),
        "input": f"float32 [n,1,{FULL_PX},{FULL_PX}] gray 0..255 unscaled",
        "epochs": str(saved.epochs_done),
        "begun_with": saved.begun_with,
        "valid": json.dumps({name: round(value, 5) for name, value in metrics.items()}),
    }
    return graph_of(saved, fitted(raw, shares), facts, half=half)


def graph_of(saved: Checkpoint, calibration: Calibration, facts: Mapping[str, str], *, half: bool) -> bytes:
    """A checkpoint's average net as a graph."""
    net = saved.average_net()
    weights = {name: value.numpy().astype(np.float64) for name, value in net.state_dict().items()}
    shape = Shape(saved.net_plan.depths, MEAN, DEVIATION, FULL_PX, saved.net_plan.side_px)
    return build(weights, shape, calibration, facts, half=half)


if __name__ == "__main__":
    run(main)
