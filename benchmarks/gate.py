"""The rate gate against a service that means it: 8 callers in 2 processes, through a real Redis and real HTTP.

    python -m benchmarks.gate [--quick]

30 s at the full quota of 10/s, 70 s after it was halved without telling, then until the gate has found that it is back.
Exits with 1 when a target is missed. Callers on a machine that is busy with other things wake up late: run it alone.
"""

import argparse
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from benchmarks import report
from benchmarks.servers import redis
from tests.support.gateusers import Group, Seen, Users, group
from tests.support.quota import QuotaServer, most_in_any, quota_server
from workers.services.gate import account_id

PROCESSES, CALLERS = 2, 4
CALLS, LOW_CALLS = 10, 5
LATENCY_S = 0.15
FULL_S, SETTLING_S, LOW_S, BACK_S = 30.0, 10.0, 50.0, 120.0
LEAST_USED, MOST_REFUSED = 0.90, 0.005
LEAST_LOW_USED, MOST_429_PER_S = 0.85, 0.2


@dataclass(frozen=True)
class Measured:
    """What came out; shares are of the quota."""

    granted_in_any_second: int
    arrived_in_any_second: int
    used: float
    refused: float
    refused_settling: int
    low_used: float
    low_refused: int
    back_after_s: float | None
    load: float


def main() -> int:
    """Measure, print, write down, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the first 30 s alone")
    quick = parser.parse_args().quick
    with redis() as url, quota_server(CALLS, LATENCY_S) as server, ExitStack() as stack:
        account = account_id("benchmark", server.url)
        users = Users(account, f"{CALLS}/s", url, server.url, CALLERS, PROCESSES)
        groups = [stack.enter_context(group(users)) for _ in range(PROCESSES)]
        measured = _measure(server, groups, quick)
    passed = _judge(measured, quick)
    print(f"written to {report.write('gate', asdict(measured), passed)}")
    return 0 if passed else 1


def _measure(server: QuotaServer, groups: list[Group], quick: bool) -> Measured:
    began = time.monotonic()
    time.sleep(FULL_S)
    dropped = back = time.monotonic()
    if not quick:
        server.set_calls(LOW_CALLS)
        time.sleep(SETTLING_S + LOW_S)
        back = time.monotonic()
        server.set_calls(CALLS)
        time.sleep(BACK_S)
    seen = [one.end() for one in groups]
    served, refused = server.came()
    low_from = dropped + SETTLING_S
    in_full = [at for at in served if at < dropped]
    refused_in_full = [at for at in refused if at < dropped]
    return Measured(
        granted_in_any_second=most_in_any(1.0, [at for one in seen for at in one.granted if at < dropped]),
        arrived_in_any_second=most_in_any(1.0, [at for at in [*served, *refused] if at < dropped]),
        used=len(in_full) / (CALLS * (dropped - began)),
        refused=len(refused_in_full) / max(1, len(in_full) + len(refused_in_full)),
        refused_settling=sum(dropped <= at < low_from for at in refused),
        low_used=sum(low_from <= at < low_from + LOW_S for at in served) / (LOW_CALLS * LOW_S),
        low_refused=sum(low_from <= at < low_from + LOW_S for at in refused),
        back_after_s=_back_after_s(seen, back),
        load=os.getloadavg()[0],
    )


def _back_after_s(seen: list[Seen], back: float) -> float | None:
    """Until the pace was the full one again."""
    full = [at - back for one in seen for at, pace in one.paces if at > back and pace >= CALLS]
    return min(full, default=None)


def _judge(measured: Measured, quick: bool) -> bool:
    used, refused, low_used = measured.used, measured.refused, measured.low_used
    most, back = round(LOW_S * MOST_429_PER_S), measured.back_after_s
    granted = measured.granted_in_any_second
    verdicts = [
        ("granted in any second", str(granted), granted <= CALLS, f"<= {CALLS}"),
        ("quota used", f"{used:.1%}", used >= LEAST_USED, f">= {LEAST_USED:.0%}"),
        ("refused", f"{refused:.2%}", refused <= MOST_REFUSED, f"<= {MOST_REFUSED:.1%}"),
        ("lower quota used", f"{low_used:.1%}", low_used >= LEAST_LOW_USED, f">= {LEAST_LOW_USED:.0%}"),
        ("429s in those 50 s", str(measured.low_refused), measured.low_refused <= most, f"<= {most}"),
        ("full pace again after", f"{back:.0f} s" if back else "never", back is not None, f"<= {BACK_S:.0f} s"),
    ]
    verdicts = verdicts[:3] if quick else verdicts
    for name, value, well, target in verdicts:
        print(f"{'ok  ' if well else 'MISS'} {name:24} {value:>8}   target {target}")
    print(f"     arrived in any second: {measured.arrived_in_any_second}; load average {measured.load:.1f}")
    return all(well for _, _, well, _ in verdicts)


if __name__ == "__main__":
    sys.exit(main())
