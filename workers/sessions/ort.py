"""ONNX Runtime, and the only module that knows it: sessions on one thread, its exceptions translated."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray

from workers.errors import ModelError

log = structlog.get_logger(__name__)

_PROVIDERS = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider",),
    "auto": ("CUDAExecutionProvider", "CPUExecutionProvider"),
}


class OrtSession:
    """One model, loaded. One thread: the runner parallelises over processes, where nothing is shared."""

    def __init__(self, model: bytes, name: str, device: str = "auto") -> None:
        self._name = name
        with _translated(name):
            self._session = onnxruntime.InferenceSession(model, _options(), providers=_providers(name, device))
        self.inputs = tuple(put.name for put in self._session.get_inputs())
        self.outputs = tuple(put.name for put in self._session.get_outputs())
        provider = self._session.get_providers()[0]
        if device == "cuda" and provider not in _PROVIDERS["cuda"]:
            raise _no_device(name, device, f"its libraries do not load, and {provider} took its place")
        log.debug("action=model-loaded", model=name, provider=provider)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Release the model's memory."""
        del self._session

    def run(self, feeds: Mapping[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """All outputs, in the order of `outputs`."""
        with _translated(self._name):
            results: list[NDArray[np.float32]] = self._session.run(None, feeds)
            return results


def _options() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def require(device: str) -> None:
    """Raise ModelError where models cannot run on `device` at all."""
    _providers("a model", device)


def _providers(name: str, device: str) -> list[str]:
    available = onnxruntime.get_available_providers()
    chosen = [provider for provider in _PROVIDERS.get(device, ()) if provider in available]
    if not chosen:
        raise _no_device(name, device, f"this ONNX Runtime offers {', '.join(available)}")
    return chosen


def _no_device(name: str, device: str, why: str) -> ModelError:
    return ModelError(
        "model.device",
        f"{name} cannot run on {device!r}: {why}",
        "use --device cpu, or install onnxruntime-gpu and what it needs",
    )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except (MemoryError, ModelError):
        raise
    except Exception as error:
        # ONNX Runtime has no public base class for its exceptions; nothing else happens in the body.
        raise ModelError(
            "model.failed", f"{name} failed in ONNX Runtime: {error}", "check it with `moodreel models verify`"
        ) from error
