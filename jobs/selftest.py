"""`doctor --self-test`: every service scorer from end to end, as `run` calls it, at stand-ins on this machine.

Each trial is a process of its own, in an empty folder, whose environment holds none of the user's settings, keys,
credentials and proxies: nothing of it can leave this machine, or be paid.
"""

import tempfile
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from db.query import open_query
from jobs.errors import ExitCode
from jobs.findings import Finding, Verdict
from jobs.selftest_programs import Ended, NeverBegan, run, serving
from jobs.trial import PORTRAIT, NotAsExpected
from workers.settings import cores, file_url

HOMES = ("jobs.stand_ins", "tests.services")
"""Where the stand-ins are: in a wheel beside us, in a checkout among its tests."""
KEY = "a-key-of-nobody"
SEEN = (
    "SELECT dominant, happiness, neutral + happiness + surprise + sadness + anger + disgust + fear + contempt "
    "FROM emotions"
)
BILL = "SELECT count(*), sum(transactions) FROM api_call"

Trial = Callable[[Path], str]


def self_test(names: Collection[str] | None = None) -> Iterator[Finding]:
    """One finding a trial: of all, or of these. As many are under way as there are cores."""
    chosen = [name for name in _TRIALS if names is None or name in names]
    with ThreadPoolExecutor(cores()) as pool:
        yield from pool.map(_tried, chosen)


def _tried(name: str) -> Finding:
    what = f"self-test {name}"
    trial, needs = _TRIALS[name]
    if needs is not None and find_spec(needs[0]) is None:
        module, extra = needs
        return Finding(what, Verdict.NOTE, f"not tried: {module} is not installed", f"pip install 'moodreel[{extra}]'")
    with tempfile.TemporaryDirectory(prefix="moodreel-") as folder:
        (Path(folder) / "portrait.jpg").write_bytes(PORTRAIT.read_bytes())
        try:
            return Finding(what, Verdict.OK, trial(Path(folder)))
        except (NotAsExpected, NeverBegan, AssertionError) as error:
            return Finding(what, Verdict.FAULT, str(error), "run `moodreel doctor`; if it finds nothing, report this")


def _azure(folder: Path) -> str:
    """The first call is refused for the rate, in the words of Azure, and made again a second later."""
    azure = _stand_in("azure")
    with azure.AzureStandIn(azure.AzureRules(keys=(KEY,), next=["429"])) as server:
        ended = run(folder, "azure", MOODREEL_AZURE_ENDPOINT=server.url, MOODREEL_AZURE_KEY=KEY)
        seen = _scored(folder, ended)
        _require_bill(folder, server, calls=2)
        _require_patience(server, 1.0)
    return f"{seen}; a 429 was waited for; the bill is right"


def _withdrawn(folder: Path) -> str:
    """As every account answers since June 2023."""
    azure = _stand_in("azure")
    with azure.AzureStandIn(azure.AzureRules(keys=(KEY,), emotion="withdrawn")) as server:
        ended = run(folder, "azure", MOODREEL_AZURE_ENDPOINT=server.url, MOODREEL_AZURE_KEY=KEY)
        if ended.code != ExitCode.UNAVAILABLE or not all(
            word in ended.err for word in ("service.withdrawn", "--scorer ferplus")
        ):
            raise NotAsExpected(f"a withdrawn emotion was not explained ({ended})")
        _require_bill(folder, server, calls=1)
    return "explained, with what does the same on this machine; nothing was paid"


def _rekognition(folder: Path) -> str:
    """Amazon throttles by an exception of its own."""
    amazon = _stand_in("rekognition")
    with amazon.RekognitionStandIn(amazon.RekognitionRules(next=["provisioned"])) as server:
        ended = run(
            folder,
            "rekognition",
            AWS_ENDPOINT_URL_REKOGNITION=server.url,
            AWS_ACCESS_KEY_ID=server.rules.access_keys[0],
            AWS_SECRET_ACCESS_KEY=KEY,
            AWS_DEFAULT_REGION="eu-west-1",
        )
        seen = _scored(folder, ended)
        _require_bill(folder, server, calls=2)
    return f"{seen}; a throttled call was made again; the bill is right"


def _ferplus(folder: Path) -> str:
    """The well-known container: one face a call."""
    ferplus = _stand_in("ferplus")
    with ferplus.FerPlusStandIn(ferplus.FerPlusRules(next=["429"])) as server:
        seen = _scored(folder, run(folder, "ferplus-http", MOODREEL_FERPLUS_URL=server.url))
        _require_bill(folder, server, calls=2)
        _require_patience(server, 2.0)
    return f"{seen}; a 429 was waited for; the bill is right"


def _serve(folder: Path) -> str:
    with serving(folder) as address:
        return _scored(folder, run(folder, "ferplus-http", MOODREEL_FERPLUS_URL=address)) + " by `moodreel serve`"


def _scored(folder: Path, ended: Ended) -> str:
    """What the run left in its database, in words. Raises NotAsExpected where it is not the portrait's smile."""
    if ended.code != ExitCode.OK:
        raise NotAsExpected(f"the run failed ({ended})")
    rows = _rows(folder, SEEN)
    if len(rows) != 1:
        raise NotAsExpected(f"{len(rows)} faces are stored, where the portrait shows one")
    dominant, happiness, total = rows[0]
    if dominant != "happiness" or not 0.9 < happiness <= 1 or abs(total - 1) > 0.01:
        raise NotAsExpected(
            f"stored was {dominant}, happiness {happiness}, all eight {total}, where the portrait smiles"
        )
    return f"scored, {dominant} {happiness:.2f}"


def _require_patience(server: Any, asked_s: float) -> None:
    """Between the refused call and the next lies what the service asked for. Raises NotAsExpected."""
    waited_s = server.book.arrivals_s[1] - server.book.arrivals_s[0]
    if waited_s < asked_s:
        raise NotAsExpected(f"asked to wait {asked_s:g} s, it was called again after {waited_s:.2f} s")


def _require_bill(folder: Path, server: Any, calls: int) -> None:
    """What we recorded of calls is what the stand-in has in its book. Raises NotAsExpected."""
    ((recorded, billed),) = _rows(folder, BILL)
    book = server.book
    if book.calls != calls:
        raise NotAsExpected(f"it was called {book.calls} times, where {calls} were expected")
    if (recorded, billed) != (book.calls, book.transactions):
        told = f"{recorded} calls and {billed} transactions are recorded"
        raise NotAsExpected(f"{told}; the service had {book.calls} and {book.transactions}")


def _rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_query(file_url(folder / "moodreel.db"), sql) as result:
        return [row for batch in result for row in batch]


def _stand_in(name: str) -> Any:
    """A module of the stand-ins. Raises NotAsExpected where they are not installed."""
    for home in HOMES:
        try:
            return import_module(f"{home}.{name}")
        except ModuleNotFoundError as error:
            if not f"{home}.{name}".startswith(error.name or "?"):
                raise
    raise NotAsExpected("the stand-ins are not installed")


_TRIALS: dict[str, tuple[Trial, tuple[str, str] | None]] = {
    "azure": (_azure, None),
    "azure, emotion withdrawn": (_withdrawn, None),
    "rekognition": (_rekognition, ("boto3", "rekognition")),
    "ferplus-http": (_ferplus, None),
    "serve": (_serve, ("uvicorn", "serve")),
}
"""By name; what it needs beyond a plain install: a module, and the extra that brings it."""
