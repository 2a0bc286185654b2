"""A fleet under fire for three minutes, by a seed: nothing may be lost and nothing doubled."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.support.chaos import LONG, run


def main() -> int:
    """The exit code: 0 where the rows are those of an undisturbed run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    seed: int = parser.parse_args().seed
    began = time.monotonic()
    print(f"chaos, seed {seed}: a fleet is set up and harmed for {LONG.seconds:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="moodreel-chaos-") as place:
        try:
            print(run(seed, LONG, Path(place)))
        except AssertionError as error:
            print(f"\nchaos, seed {seed}: FAILED after {time.monotonic() - began:.0f} s\n{error}", file=sys.stderr)
            return 1
    print(f"chaos, seed {seed}: row for row what an undisturbed run gives; {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
