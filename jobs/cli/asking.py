"""What to analyse and how, as a person types it: declared once, taken by every command that asks for an analysis."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobs.cli import options

if TYPE_CHECKING:
    from jobs.request import RunRequest


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a request, as typed."""

    paths: options.Paths = None
    every: options.Every = None
    fps: options.Fps = None
    every_frame: options.EveryFrame = False
    keyframes: options.Keyframes = False
    start: options.Start = None
    end: options.End = None
    detector: options.Detector = "yunet"
    max_side: options.MaxSide = 640
    confidence: options.Confidence = 0.7
    min_face: options.MinFace = 32
    scorer: options.Scorer = "ferplus"
    include: options.Include = None
    exclude: options.Exclude = None
    manifest: options.Manifest = None
    tag: options.Tag = None
    name: options.Name = None

    def request(self, *, fleet: bool = False) -> "RunRequest":
        """What it comes to, checked against what is installed. Raises UsageError, ModelError."""
        from jobs.discover import Filters
        from jobs.manifest import read_manifest
        from jobs.parsing import parse_sampling, parse_tags
        from jobs.submit import Wish, build_request
        from workers.analysis import DetectorSpec, ScorerSpec

        return build_request(
            Wish(
                paths=self.paths or [],
                sampling=parse_sampling(self.every, self.fps, self.every_frame, self.keyframes, self.start, self.end),
                detector=DetectorSpec(
                    self.detector, max_side=self.max_side, confidence=self.confidence, min_face=self.min_face
                ),
                scorer=ScorerSpec(self.scorer),
                filters=Filters(tuple(self.include or ()), tuple(self.exclude or ())),
                name=self.name,
                tags=parse_tags(self.tag or ()),
                manifest=None if self.manifest is None else read_manifest(self.manifest),
                fleet=fleet,
            )
        )


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Asked` before its own: they come to it as its parameter `asked`."""
    shared = list(inspect.signature(Asked).parameters.values())
    own = [one for one in inspect.signature(command).parameters.values() if one.name != "asked"]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        asked = Asked(**{one.name: given.pop(one.name) for one in shared})
        command(asked=asked, **given)

    # What reads a command's options reads the signature and the annotations, and must not look behind the wrapper.
    del with_options.__wrapped__
    with_options.__signature__ = inspect.Signature([*shared, *own])  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in (*shared, *own)}
    return with_options
