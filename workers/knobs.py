"""Every setting once: its default, its range and what it does. The command line, the environment and the docs read it
here. Importing this loads nothing heavy.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting. Its variable is MOODREEL_ and the name in capitals; in moodreel.toml it is the name itself."""

    name: str
    default: Any
    help: str
    low: float | None = None
    high: float | None = None
    shown_default: str = ""
    secret: bool = False
    """A key: read from the environment only, never from moodreel.toml or a command line, and never shown."""

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"MOODREEL_{self.name.upper()}"

    @property
    def option_help(self) -> str:
        """What `--help` says of the option that overrides it."""
        default = self.shown_default or str(self.default)
        return f"{self.help} ({self.variable}; default: {default})"


KNOBS = {
    knob.name: knob
    for knob in (
        Knob("database_url", "sqlite:///moodreel.db", "Database: a file, sqlite:///FILE or postgresql://..."),
        Knob(
            "query_database_url",
            None,
            "PostgreSQL login for `moodreel query`, which must be no superuser",
            shown_default="database_url",
        ),
        Knob(
            "broker_url",
            "redis://localhost:6379/0",
            "Redis that carries the bells of a fleet: redis://:PASSWORD@HOST/0",
        ),
        Knob(
            "media_roots",
            None,
            "Where media lie on this machine, by the names a fleet knows them by: main=/mnt/a,archive=/mnt/b",
            shown_default="none",
        ),
        Knob("workers", None, "Child processes that analyse", 1, 256, shown_default="one a core"),
        Knob("device", "auto", "Where models run: auto, cpu or cuda"),
        Knob("child_memory_mb", 2048, "Memory one child may take, in MB", 256, 1_000_000),
        Knob("child_timeout_s", 60.0, "Seconds any piece of work gets before its size is looked at", 1, 86_400),
        Knob("lease_s", 60.0, "Seconds after which a silent worker's segments go to another", 3, 86_400),
        Knob(
            "track_gap_s",
            None,
            "Seconds a face may be out of sight within one track",
            0,
            3600,
            shown_default="2, or three times the time between frames",
        ),
        Knob(
            "cache",
            None,
            "Folder that media of object stores are staged in",
            shown_default="the user's cache folder",
        ),
        Knob("cache_mb", 10_240, "Most that staged media may take there, in MB", 64, 1_000_000_000),
        Knob("model_cache", None, "Folder of downloaded models", shown_default="the user's cache folder"),
        Knob(
            "azure_endpoint",
            None,
            "Azure Face: https://RESOURCE.cognitiveservices.azure.com, or a container of it",
            shown_default="none",
        ),
        Knob(
            "azure_key",
            None,
            "Key of Azure Face; in the environment only, or use azure_key_file",
            shown_default="none",
            secret=True,
        ),
        Knob(
            "azure_key_file",
            None,
            "File with the key of Azure Face, which only its owner may read",
            shown_default="none",
        ),
        Knob("ferplus_url", "http://localhost:5002/score", "Scoring container of the scorer ferplus-http"),
        Knob(
            "rate",
            None,
            "Calls that a service allows your account, over all who use it: 10/s, 20/min, 1000/h",
            shown_default="what the service's ordinary accounts may",
        ),
        Knob(
            "prices",
            None,
            "US dollars per 1000 billed calls of a service: azure=0.80,rekognition=1.20",
            shown_default="list prices",
        ),
        Knob("service_timeout_s", 30.0, "Seconds a service gets to answer one call", 1, 600),
        Knob("log_level", "warning", "What is logged to stderr: debug, info, warning or error"),
    )
}


def knob(name: str) -> Knob:
    """The setting of that name."""
    return KNOBS[name]
