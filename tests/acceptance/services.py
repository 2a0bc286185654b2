"""`moodreel` with a stand-in for Azure Face as its service, in a folder of its own; and what its ledger says of it."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.runs import Ended, moodreel, sql, start
from tests.services.azure import AzureRules, AzureStandIn
from tests.services.pairs import CANARY

_RESUME = ("resume", "latest", "--json", "--workers", "1")
UNSCORED = "SELECT attributes FROM face WHERE dominant IS NULL"
ATTEMPTS = "SELECT state, count(*), sum(failures) FROM segment GROUP BY 1"


@dataclass(frozen=True)
class Client:
    """A person at a keyboard, whose database is `database`."""

    server: AzureStandIn
    media: Path
    cwd: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        """Where the run leaves what it found."""
        return self.cwd / "moodreel.db"

    @property
    def environment(self) -> dict[str, str]:
        """Where the service is, and the key to it; a setting that is empty is none."""
        usual = {"MOODREEL_AZURE_ENDPOINT": self.server.url, "MOODREEL_AZURE_KEY": CANARY}
        return {name: value for name, value in (usual | self.settings).items() if value}

    def run(self, *options: str | Path, **more: str) -> Ended:
        """Analyse the media, to the end."""
        return moodreel(*_run(self.media, options), cwd=self.cwd, **self.environment, **more)

    def start(self, *options: str | Path, **more: str) -> "subprocess.Popen[str]":
        """Begin to analyse the media."""
        return start(*_run(self.media, options), cwd=self.cwd, **self.environment, **more)

    def resume(self, *options: str) -> Ended:
        """Go on with the latest job, to the end."""
        return moodreel(*_RESUME, *options, cwd=self.cwd, **self.environment)

    def start_again(self) -> "subprocess.Popen[str]":
        """Begin to go on with the latest job."""
        return start(*_RESUME, cwd=self.cwd, **self.environment)

    def say(self, *arguments: str) -> Ended:
        """Any other command."""
        return moodreel(*arguments, cwd=self.cwd, **self.environment)

    def bill(self) -> dict[str, Any]:
        """What `status` says that the latest job has spent."""
        bill: dict[str, Any] = self.say("status", "latest", "--json").summary["bill"]
        return bill

    def outcomes(self) -> Counter[str]:
        """How the calls ended, by the ledger."""
        return Counter(dict(sql(self.database, "SELECT outcome, count(*) FROM api_call GROUP BY 1")))

    def faces(self) -> tuple[int, int]:
        """How many faces there are, and how many of them are scored."""
        ((faces, scored),) = sql(self.database, "SELECT count(*), count(dominant) FROM emotions")
        return int(faces), int(scored)


@contextmanager
def client(media: Path, cwd: Path, *, settings: dict[str, str] | None = None, **rules: Any) -> Iterator[Client]:
    """A client and its stand-in, which keeps to these rules."""
    with AzureStandIn(AzureRules(**{"keys": (CANARY,)} | rules)) as server:
        yield Client(server, media, cwd, settings or {})


def asked(media: Path, scorer: str, *options: str | Path) -> tuple[str | Path, ...]:
    """The command that analyses a folder with a scorer."""
    return ("run", media, "--scorer", scorer, "--every", "250ms", "--workers", "1", "--json", *options)


def _run(media: Path, options: tuple[str | Path, ...]) -> tuple[str | Path, ...]:
    return asked(media, "azure", *options)
