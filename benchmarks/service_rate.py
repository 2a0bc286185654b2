"""One rate over a fleet that calls a service: two workers of four threads each, and a stand-in that means its limit.

    python -m benchmarks.service_rate

30 s at the full ten a second, once both are warm, then 60 s after the stand-in has halved it without telling. The
stand-in's book is what is judged. Exits with 1 when a target is missed. Run it alone: workers that wait for a processor
are late for their turns, and their children late with faces.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.services import recordings
from tests.services.azure import KEY, AzureRules, AzureStandIn
from tests.services.book import Book
from tests.support.fleet import Fleet
from tests.support.quota import most_in_any

WORKERS, SLOTS = 2, 4
CALLS, LOW_CALLS = 10, 5
LATENCY_S = 0.15
FULL_S, SETTLING_S, LOW_S = 30.0, 10.0, 50.0
LEAST_USED, MOST_REFUSED = 0.90, 0.005
LEAST_LOW_USED, MOST_429_PER_S = 0.85, 0.2
PHOTOS, CLIP_S = 500, 600
START_S = 120.0
WARM_S = 5.0
"""From the first call until every child of both workers has loaded its models."""


@dataclass(frozen=True)
class Measured:
    """What the book holds; shares are of the limit."""

    most_in_a_second: int
    used: float
    refused: float
    low_used: float
    low_refused: int
    load: float
    each_second: list[int]
    """Calls that arrived, from the first on."""


def main() -> int:
    """Measure, print, write down, judge."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    rules = AzureRules(per_second=CALLS, latency_s=LATENCY_S)
    with tempfile.TemporaryDirectory(prefix="moodreel-bench-") as folder, AzureStandIn(rules) as server:
        media = recordings(Path(folder) / "media", CLIP_S, PHOTOS)
        settings = {"MOODREEL_AZURE_ENDPOINT": server.url, "MOODREEL_AZURE_KEY": KEY}
        with Fleet({"main": media}, lease_s=60.0, **settings) as fleet:
            fleet.run("submit", media, "--scorer", "azure", "--pack", "1", "--rate", f"{CALLS}/s", timeout_s=300)
            for _ in range(WORKERS):
                fleet.worker("--queue", "api", "--concurrency", str(SLOTS))
            fleet.await_true(lambda: bool(server.book.arrivals_s), "nobody calls", START_S)
            measured = _measure(server)
    verdicts = _judge(measured)
    print(asdict(measured))
    report.show(verdicts)
    passed = all(verdicts.values())
    print(f"\nwritten to {report.write('service-rate', asdict(measured), passed)}")
    return 0 if passed else 1


def _measure(server: AzureStandIn) -> Measured:
    began = server.book.arrivals_s[0] + WARM_S
    _sleep_until(began + FULL_S)
    dropped = time.monotonic()
    server.rules.per_second = LOW_CALLS
    low_from = dropped + SETTLING_S
    _sleep_until(low_from + LOW_S)
    came, refused = _between(server.book, began, began + FULL_S)
    low_came, low_refused = _between(server.book, low_from, low_from + LOW_S)
    return Measured(
        most_in_a_second=most_in_any(1.0, came),
        used=(len(came) - len(refused)) / (CALLS * FULL_S),
        refused=len(refused) / len(came),
        low_used=(len(low_came) - len(low_refused)) / (LOW_CALLS * LOW_S),
        low_refused=len(low_refused),
        load=os.getloadavg()[0],
        each_second=_each_second(server.book.arrivals_s),
    )


def _between(book: Book, start: float, end: float) -> tuple[list[float], list[float]]:
    """When calls arrived, and when those that were refused did."""
    within = [[at for at in times if start <= at < end] for times in (book.arrivals_s, book.refusals_s)]
    return within[0], within[1]


def _each_second(times: list[float]) -> list[int]:
    counted = Counter(int(at - times[0]) for at in times)
    return [counted[second] for second in range(max(counted) + 1)]


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _judge(measured: Measured) -> dict[str, bool]:
    """The targets, in words, and whether each was met."""
    most = round(LOW_S * MOST_429_PER_S)
    return {
        f"at most {CALLS} in any second": measured.most_in_a_second <= CALLS,
        f"at least {LEAST_USED:.0%} of the limit used": measured.used >= LEAST_USED,
        f"at most {MOST_REFUSED:.1%} refused": measured.refused <= MOST_REFUSED,
        f"at least {LEAST_LOW_USED:.0%} of the lower limit used": measured.low_used >= LEAST_LOW_USED,
        f"at most {most} calls refused within {LOW_S:.0f} s of it": measured.low_refused <= most,
    }


if __name__ == "__main__":
    sys.exit(main())
