"""What to analyse and how, as a person types it: declared once, taken by every command that asks for an analysis."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jobs.cli import options

if TYPE_CHECKING:
    from jobs.request import CallLimits, RunRequest
    from workers.analysis import ScorerSpec
    from workers.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a request, as typed."""

    paths: options.Paths = None
    every: options.Every = None
    fps: options.Fps = None
    every_frame: options.EveryFrame = False
    keyframes: options.Keyframes = False
    fast_decode: options.FastDecode = False
    start: options.Start = None
    end: options.End = None
    detector: options.Detector = "yunet"
    max_side: options.MaxSide = 640
    confidence: options.Confidence = 0.7
    min_face: options.MinFace = 32
    scorer: options.Scorer = "ferplus"
    pack: options.Pack = None
    azure_attributes: options.Attributes = None
    rekognition_attributes: options.RekognitionAttributes = None
    rate: options.Rate = None
    max_calls: options.MaxCalls = None
    max_cost: options.MaxCost = None
    include: options.Include = None
    exclude: options.Exclude = None
    follow_links: options.FollowLinks = False
    manifest: options.Manifest = None
    tag: options.Tag = None
    name: options.Name = None

    def request(self, settings: "Settings", *, fleet: bool = False) -> "RunRequest":
        """What it comes to, checked against what is installed. Raises UsageError, SettingsError, ModelError."""
        from jobs.discover import Filters
        from jobs.manifest import read_manifest
        from jobs.parsing import parse_sampling, parse_tags
        from jobs.submit import Wish, build_request
        from workers.analysis import DetectorSpec

        return build_request(
            Wish(
                paths=self.paths or [],
                sampling=replace(
                    parse_sampling(self.every, self.fps, self.every_frame, self.keyframes, self.start, self.end),
                    fast_decode=self.fast_decode,
                ),
                detector=DetectorSpec(
                    self.detector, max_side=self.max_side, confidence=self.confidence, min_face=self.min_face
                ),
                scorer=self._scorer_spec(settings),
                filters=Filters(tuple(self.include or ()), tuple(self.exclude or ()), self.follow_links),
                name=self.name,
                tags=parse_tags(self.tag or ()),
                manifest=None if self.manifest is None else read_manifest(self.manifest),
                fleet=fleet,
                calls=self._limits(),
            )
        )

    def _scorer_spec(self, settings: "Settings") -> "ScorerSpec":
        from jobs.errors import UsageError
        from workers.services.catalogue import scorer_spec

        given = {"azure": self.azure_attributes, "rekognition": self.rekognition_attributes}
        for name, attributes in given.items():
            if attributes is not None and name != self.scorer:
                raise UsageError(f"--{name}-attributes is for --scorer {name}", "leave it out")
        return scorer_spec(self.scorer, self.pack, given.get(self.scorer), self.detector, settings)

    def _limits(self) -> "CallLimits":
        from jobs.request import CallLimits
        from workers.services.rate import parse_rate

        if self.rate is not None:
            parse_rate(self.rate)
        return CallLimits(self.rate, self.max_calls, self.max_cost)


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
