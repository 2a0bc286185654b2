"""A run over files made to do harm: what was tried, refused and analysed, and whether anything escaped.

    python -m tests.hostile [--seed N] [--all] [--keep DIR]

Exits with 1 where something did.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile.course import Outcome, corpus, run

TIMEOUT_S = 540.0


def main() -> int:
    """Write, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="which bits are turned")
    parser.add_argument("--all", action="store_true", help="cut at every byte, ten times as many flips: long")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave files and database here")
    asked = parser.parse_args()
    make = partial(corpus, seed=asked.seed, every=1 if asked.all else 64, flips=100 if asked.all else 10)
    timeout_s = 20 * TIMEOUT_S if asked.all else TIMEOUT_S
    if asked.keep is not None:
        asked.keep.mkdir(parents=True)
        return _told(run(asked.keep.absolute(), make, timeout_s, _show))
    with TemporaryDirectory(prefix="moodreel-hostile-") as name:
        return _told(run(Path(name), make, timeout_s, _show))


def _show(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _told(outcome: Outcome) -> int:
    print(f"tried      {outcome.tried} files in {outcome.wall_s:.0f} s")
    print(f"refused    {sum(outcome.refused.values())}")
    for code, count in outcome.refused.most_common():
        print(f"             {count:>5} {code}")
    print(f"analysed   {outcome.analysed}")
    print(f"passed by  {outcome.passed}, whose names and contents claim nothing")
    print(f"memory     {outcome.most_mb:.0f} MB for the largest child")
    print(f"time       {outcome.longest_s:.1f} s for the longest item")
    print(f"escapes    {len(outcome.faults)}")
    for fault in outcome.faults:
        print(f"             {fault.what}: {fault.detail}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
