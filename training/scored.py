"""What a FER+ graph says of FER2013 pictures, whoever made the graph, and how long it takes."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from training.measures import Logits
from training.pictures import to_input
from workers.errors import ModelError, SettingsError
from workers.sessions.ort import OrtSession

BATCH = 16


class Scored(NamedTuple):
    """Logits, and the time of a face."""

    logits: Logits
    """float64 [n, 8]."""
    ms_a_face: float
    """The median over the batches, on one thread; NaN where there were none."""


def read_model(path: Path) -> bytes:
    """A file's bytes. Raises SettingsError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}", "give an ONNX file on the FER+ contract"
        ) from error


def score(model: bytes, pictures: NDArray[np.uint8], batch: int = BATCH) -> Scored:
    """Ask a graph for pictures, uint8 [n, 64, 64]. Raises SettingsError for one that does not keep the contract."""
    try:
        with OrtSession(model, "the model", "cpu") as session:
            batch = batch if _takes(session, pictures[:batch]) else 1
            parts = [_timed(session, pictures[at : at + batch]) for at in range(0, len(pictures), batch)]
    except ModelError as error:
        raise SettingsError(error.problem.reason, "give an ONNX file on the FER+ contract") from error
    times = [
        took / batch
        for (_, took), at in zip(parts, range(0, len(pictures), batch), strict=True)
        if at + batch <= len(pictures)
    ]
    logits = np.concatenate([one for one, _ in parts]) if parts else np.empty((0, len(EMOTIONS)))
    return Scored(logits.astype(np.float64), 1000 * float(np.median(times)) if times else float("nan"))


def _takes(session: OrtSession, pictures: NDArray[np.uint8]) -> bool:
    """Whether it takes several faces a run: the zoo's file takes one only. Also warms it up."""
    try:
        _timed(session, pictures)
    except ModelError:
        return False
    return True


def _timed(session: OrtSession, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    inputs = to_input(pictures)
    began = time.perf_counter()
    (logits,) = session.run({session.inputs[0]: inputs})
    took = time.perf_counter() - began
    if logits.shape != (len(pictures), len(EMOTIONS)):
        raise ModelError("model.contract", f"the model answered {logits.shape} for {len(pictures)} faces", "")
    return logits, took
