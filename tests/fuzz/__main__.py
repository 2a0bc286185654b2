"""Fuzzing for a while, from a corpus made by code: executions, coverage and findings.

    python -m tests.fuzz probe|decode [--seconds 120] [--seed 1] [--findings DIR]

Needs atheris (`pip install .[fuzz]`; Linux). A finding is an exception that is none of ours, a crash, more than 2 GB,
or 20 seconds over one file; each is left in DIR. Exits with 1 where there is one.
"""

import argparse
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

LARGEST_BYTES = 65_536
MOST_MB, MOST_S = 2048, 20
LEAST_S = 5
"""A last stretch shorter than this is not begun."""
_DONE = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")
_STATUS = re.compile(rb"^#(\d+)\s.*?cov: (\d+)", re.MULTILINE)


def main() -> int:
    """Fuzz, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=120, help="how long (default: 120)")
    parser.add_argument("--seed", type=int, default=1, help="where chance begins")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), metavar="DIR")
    asked = parser.parse_args()
    if find_spec("atheris") is None:
        print("error: atheris is not installed\nhint: pip install '.[fuzz]' (Linux)")
        return 2
    asked.findings.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="moodreel-fuzz-") as name:
        corpus = Path(name)
        for ending, data in seeds().items():
            (corpus / f"seed{ending}").write_bytes(data)
        return _fuzzed(asked.target, asked.seconds, asked.seed, corpus, asked.findings)


def _fuzzed(target: str, seconds: int, seed: int, corpus: Path, findings: Path) -> int:
    """An engine at a time, each until its first finding, until the time is over."""
    before, until, executions, coverage = set(findings.iterdir()), time.monotonic() + seconds, 0, 0
    while (left_s := round(until - time.monotonic())) >= LEAST_S:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.engine", target, str(corpus), *_options(left_s, seed, findings)],
            capture_output=True,
            check=False,
        )
        done, reached = _progress(ended.stderr)
        executions, coverage, seed = executions + done, max(coverage, reached), seed + 1
        if ended.returncode and not set(findings.iterdir()) - before:
            print(ended.stderr.decode(errors="replace")[-3000:])
            print(f"error: the engine ended with {ended.returncode} and left no finding")
            return 2
    found = sorted(set(findings.iterdir()) - before)
    print(f"{target}: {executions} executions in {seconds} s, {coverage} points of our Python reached")
    print(f"findings: {len(found)}")
    for path in found:
        print(f"  {path}")
    return 1 if found else 0


def _options(seconds: int, seed: int, findings: Path) -> list[str]:
    return [
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={LARGEST_BYTES}",
        f"-rss_limit_mb={MOST_MB}",
        f"-timeout={MOST_S}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
    ]


def _progress(said: bytes) -> tuple[int, int]:
    """Executions and points reached, of what libFuzzer says of itself."""
    states = _STATUS.findall(said)
    counted = _DONE.search(said)
    executions = int(counted[1]) if counted else max((int(number) for number, _ in states), default=0)
    return executions, max((int(reached) for _, reached in states), default=0)


if __name__ == "__main__":
    sys.exit(main())
