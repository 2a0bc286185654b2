"""What every benchmark writes down beside its figures: which code, which machine, which libraries."""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

RESULTS = Path("bench-results")
LIBRARIES = ("av", "numpy", "onnxruntime", "opencv-python-headless", "msgspec", "sqlalchemy", "psycopg")


def write(name: str, figures: object, passed: bool, folder: Path = RESULTS) -> Path:
    """Write `figures` as JSON, named for the benchmark and the moment."""
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{name}-{now:%Y%m%dT%H%M%SZ}.json"
    facts = {
        "benchmark": name,
        "passed": passed,
        "at": now.isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "figures": figures,
    }
    path.write_text(json.dumps(facts, indent=2) + "\n")
    return path


def show(verdicts: dict[str, bool], *, all_of_them: bool = True) -> None:
    """Print which targets were met, or how many were and which were not."""
    missed = [target for target, met in verdicts.items() if not met]
    print()
    if not all_of_them:
        print(f"{len(verdicts) - len(missed)} of {len(verdicts)} targets met")
    for target in verdicts if all_of_them else missed:
        print(f"{'MISSED' if target in missed else 'met   '}  {target}")


def machine() -> dict[str, object]:
    """The machine, as far as it decides the figures."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        print("not in a git checkout: the commit is left out", file=sys.stderr)
        return None
    return done.stdout.strip()
