"""What is asked of the pixels, as a value with a fingerprint: equal fingerprints share every result."""

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Self

from db.records import AnalysisRecord

PIPELINE_REVISION = 2
"""Raised whenever the same request would give other numbers: results of another revision are never mixed in."""


class SamplingMode(StrEnum):
    """Which frames of a video are looked at."""

    INTERVAL = "interval"
    """The frame on screen at each multiple of `interval_s`, counted from the first frame."""
    EVERY_FRAME = "every-frame"
    KEYFRAMES = "keyframes"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames of a video are looked at. Times are exact: fractions of a second, never floats."""

    mode: SamplingMode = SamplingMode.INTERVAL
    interval_s: Fraction = Fraction(1)
    """Seconds between targets; without meaning in the other modes."""
    start_s: Fraction | None = None
    """Only targets at or after this `time_s`. The grid stays anchored on the first frame."""
    end_s: Fraction | None = None
    """Only targets before this `time_s`."""
    fast_decode: bool = False
    """Decoded without smoothing block edges (the codec's loop filter): cheaper, and pixels differ a little."""

    def __post_init__(self) -> None:
        """Raises ValueError where no frame could ever be meant."""
        if self.mode is not SamplingMode.INTERVAL:
            object.__setattr__(self, "interval_s", Fraction(1))  # equal requests have equal fingerprints
        if self.interval_s <= 0:
            raise ValueError("the interval between frames must be above 0 seconds")
        if any(bound is not None and bound < 0 for bound in (self.start_s, self.end_s)):
            raise ValueError("the start and the end must not be below 0 seconds")
        if self.start_s is not None and self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError("the end must come after the start")

    def __str__(self) -> str:
        what = f"every {self.interval_s}s" if self.mode is SamplingMode.INTERVAL else self.mode.value.replace("-", " ")
        window = "".join(
            f" {word} {bound}s" for word, bound in (("from", self.start_s), ("to", self.end_s)) if bound is not None
        )
        return what + window + (", decoded fast" if self.fast_decode else "")


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """A face detector and what it was told."""

    name: str = "yunet"
    model_sha256: str = ""
    max_side: int = 640
    """The picture's longer side is reduced to this many pixels before detection; boxes are mapped back."""
    confidence: float = 0.7
    min_face: int = 32
    """Faces with a box lower than this many pixels of the source are dropped and counted."""


@dataclass(frozen=True, slots=True)
class ScorerSpec:
    """An emotion scorer and what it was told."""

    name: str = "ferplus"
    model_sha256: str = ""
    pack: int = 1
    """Faces per image sent to a service; 1 for local scorers."""
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AnalysisSpec:
    """Everything that decides the numbers. `sampling` is None for photos, which have nothing to sample."""

    sampling: Sampling | None
    detector: DetectorSpec
    scorer: ScorerSpec
    pipeline_revision: int = PIPELINE_REVISION

    def for_photos(self) -> Self:
        """The same analysis without sampling: photos asked for at any rate share their results."""
        return type(self)(None, self.detector, self.scorer, self.pipeline_revision)

    def to_json(self) -> str:
        """Canonical JSON: equal specs give equal text."""
        raw = asdict(self)
        if self.sampling is not None and not self.sampling.fast_decode:
            del raw["sampling"]["fast_decode"]  # which analyses did not have when the first ones got their fingerprint
        return json.dumps(raw, sort_keys=True, separators=(",", ":"), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        raw: dict[str, Any] = json.loads(text)
        sampling = raw["sampling"]
        scorer = raw["scorer"] | {"options": tuple((k, v) for k, v in raw["scorer"]["options"])}
        return cls(
            sampling=None if sampling is None else _sampling(sampling),
            detector=DetectorSpec(**raw["detector"]),
            scorer=ScorerSpec(**scorer),
            pipeline_revision=raw["pipeline_revision"],
        )

    def record(self) -> AnalysisRecord:
        """The row that stores this spec."""
        text = self.to_json()
        return AnalysisRecord(
            fingerprint=hashlib.sha256(text.encode()).hexdigest(),
            kind="photo" if self.sampling is None else "video",
            spec_json=text,
            sampling="" if self.sampling is None else str(self.sampling),
            detector=self.detector.name,
            detector_sha256=self.detector.model_sha256,
            scorer=self.scorer.name,
            scorer_sha256=self.scorer.model_sha256,
            pipeline_revision=self.pipeline_revision,
        )


def _sampling(raw: dict[str, Any]) -> Sampling:
    bounds = {key: None if raw[key] is None else Fraction(raw[key]) for key in ("start_s", "end_s")}
    return Sampling(
        SamplingMode(raw["mode"]), Fraction(raw["interval_s"]), **bounds, fast_decode=raw.get("fast_decode", False)
    )
