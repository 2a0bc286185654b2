"""The models a child holds: opened when first asked for, kept as long as the same analysis comes."""

from collections.abc import Callable, Hashable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from workers.analysis import DetectorSpec, ScorerSpec
from workers.detection.base import FaceDetector
from workers.scoring.base import EmotionScorer


class Toolbox:
    """A detector and a scorer at a time: a new spec closes the old one, so memory does not grow with jobs."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._open: dict[str, tuple[Hashable, Any, ExitStack]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for slot in list(self._open):
            self._drop(slot)

    def detector(self, spec: DetectorSpec) -> FaceDetector:
        """The detector of `spec`. Raises ModelError when its weights are missing or damaged."""
        from workers.detection.catalogue import open_detector

        detector: FaceDetector = self._get("detector", spec, lambda: open_detector(spec, self._device))
        return detector

    def scorer(self, spec: ScorerSpec) -> EmotionScorer:
        """The scorer of `spec`. Raises ModelError when its weights are missing or damaged."""
        from workers.scoring.catalogue import open_scorer

        scorer: EmotionScorer = self._get("scorer", spec, lambda: open_scorer(spec, self._device))
        return scorer

    def _get(self, slot: str, spec: Hashable, opener: Callable[[], Any]) -> Any:
        held = self._open.get(slot)
        if held is None or held[0] != spec:
            self._drop(slot)
            stack = ExitStack()
            held = (spec, stack.enter_context(opener()), stack)
            self._open[slot] = held
        return held[1]

    def _drop(self, slot: str) -> None:
        held = self._open.pop(slot, None)
        if held is not None:
            held[2].close()
