"""One request, as a frozen value: what to look at, how, under which name. Stored with the job so that it can go on."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from jobs.discover import Filters
from workers.analysis import AnalysisSpec


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How often a service may be called for a job. None: as the settings say, and without a bound."""

    rate: str | None = None
    """Calls that it allows the account, as `workers.services.rate` reads it."""
    max_calls: int | None = None
    max_cost: float | None = None
    """In US dollars."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What one `run` or `submit` asks for. Paths are absolute bytes."""

    paths: tuple[bytes, ...]
    analysis: AnalysisSpec
    filters: Filters = field(default_factory=Filters)
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of every file; a manifest's tags for a file win over them."""
    file_tags: Mapping[bytes, Mapping[str, str]] = field(default_factory=dict)
    """Tags by absolute path."""
    fleet: bool = False
    """Made by `submit`: its files are named below media roots, and workers analyse it."""
    calls: CallLimits = field(default_factory=CallLimits)

    def tags_of(self, path: bytes) -> dict[str, str]:
        """The tags of one file."""
        return dict(self.tags) | dict(self.file_tags.get(path, {}))

    def to_json(self) -> str:
        """JSON that `from_json` reads back; bytes that are not UTF-8 survive as lone surrogates, escaped.

        The bounds on calls are the job's own columns: they may be raised later.
        """
        return json.dumps(
            {
                "paths": [os.fsdecode(path) for path in self.paths],
                "analysis": self.analysis.to_json(),
                "include": self.filters.include,
                "exclude": self.filters.exclude,
                "follow_links": self.filters.follow_links,
                "name": self.name,
                "tags": dict(self.tags),
                "fleet": self.fleet,
                "rate": self.calls.rate,
                "file_tags": {os.fsdecode(path): dict(tags) for path, tags in self.file_tags.items()},
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`."""
        raw: dict[str, Any] = json.loads(text)
        return cls(
            paths=tuple(os.fsencode(path) for path in raw["paths"]),
            analysis=AnalysisSpec.from_json(raw["analysis"]),
            filters=Filters(tuple(raw["include"]), tuple(raw["exclude"]), raw.get("follow_links", False)),
            name=raw["name"],
            tags=raw["tags"],
            fleet=raw.get("fleet", False),
            calls=CallLimits(raw.get("rate")),
            file_tags={os.fsencode(path): tags for path, tags in raw["file_tags"].items()},
        )
