"""How fast a FER+ model is, beside the net of the FER+ paper: one thread, by turns, in one run.

    python -m training.speed MODEL.onnx [--rounds 40] [--batch 16] [--json]

Exits with 1 where a face takes more than 3 ms, or the paper's net less than six times as long.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.commands import run
from training.scored import BATCH, read_model
from training.vgg13 import vgg13
from workers.sessions.ort import OrtSession

MOST_MS, LEAST_RATIO = 3.0, 6.0
WARM_UP = 2


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("--rounds", type=int, default=40, help="batches of each", metavar="N")
    parser.add_argument("--batch", type=int, default=BATCH, help="faces a run", metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    asked = parser.parse_args()
    times = raced({"model": read_model(asked.model), "vgg13": vgg13()}, asked.rounds, asked.batch)
    middle = {name: float(np.median(one)) for name, one in times.items()}
    ratio = float(np.median(np.array(times["vgg13"]) / np.array(times["model"])))
    if asked.json:
        best = {f"{name}_best_ms": min(one) for name, one in times.items()}
        print(json.dumps({f"{name}_ms": one for name, one in middle.items()} | best | {"ratio": ratio}, indent=2))
    else:
        for name, one in times.items():
            print(f"{name:<6} {middle[name]:6.2f} ms a face in the middle, {min(one):.2f} at best")
        print(f"the paper's net takes {ratio:.1f} times as long")
    return int(middle["model"] > MOST_MS or ratio < LEAST_RATIO)


def raced(models: Mapping[str, bytes], rounds: int, batch: int) -> dict[str, list[float]]:
    """Milliseconds a face of each model, round by round, each round asking every model once."""
    faces = np.random.default_rng(1).integers(0, 256, (batch, 1, 64, 64)).astype(np.float32)
    sessions = {name: OrtSession(model, name, "cpu") for name, model in models.items()}
    try:
        laps = [{name: _lap(one, faces) for name, one in sessions.items()} for _ in range(WARM_UP + rounds)][WARM_UP:]
    finally:
        for session in sessions.values():
            session.close()
    return {name: [lap[name] for lap in laps] for name in models}


def _lap(session: OrtSession, faces: NDArray[np.float32]) -> float:
    began = time.perf_counter()
    session.run({session.inputs[0]: faces})
    return 1000 * (time.perf_counter() - began) / len(faces)


if __name__ == "__main__":
    run(main)
