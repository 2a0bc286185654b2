"""Scorers on the FER+ contract: float32 [n, 1, 64, 64], gray, 0..255 unscaled, in; eight logits out."""

from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from workers.analysis import ScorerSpec
from workers.errors import ModelError
from workers.models.catalogue import load_verified
from workers.sessions.ort import OrtSession

BATCH = 16
"""Faces a run. As fast a face as 64, and the runtime's arena then stays the same for a crowd or a long video."""


class FerPlus:
    """A FER+ model in batches of up to `batch` faces. `model` stands in for the catalogue's file of that name."""

    def __init__(self, spec: ScorerSpec, device: str = "auto", batch: int = BATCH, model: bytes | None = None) -> None:
        self._batch = batch
        self._name = spec.name
        self._session = OrtSession(load_verified(spec.name) if model is None else model, spec.name, device)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._session.close()

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities, float32 [n, 8], of gray crops, uint8 [n, 64, 64]."""
        inputs = crops.astype(np.float32)[:, None]
        parts = [self._logits(inputs[at : at + self._batch]) for at in range(0, len(inputs), self._batch)]
        return softmax(np.concatenate(parts)) if parts else np.empty((0, len(EMOTIONS)), np.float32)

    def _logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        (logits,) = self._session.run({self._session.inputs[0]: inputs})
        if logits.shape != (len(inputs), len(EMOTIONS)):
            raise ModelError(
                "model.contract",
                f"{self._name} answered {logits.shape} for {len(inputs)} faces",
                "it is no FER+ model; run `moodreel models verify`",
            )
        return logits


class FerPlusZoo(FerPlus):
    """The ONNX Model Zoo's graph, which is fixed to one face a run."""

    def __init__(self, spec: ScorerSpec, device: str = "auto", model: bytes | None = None) -> None:
        super().__init__(spec, device, batch=1, model=model)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of probabilities, float32, of rows of logits; stable for logits of any size."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)
