"""A fleet from wheels on this machine: `up` keeps one running for a person to try, `demo` runs a job on it.

Needs nothing but the environment that `make` prepares: Redis and PostgreSQL come from wheels, in a folder that goes
with them.
"""

import argparse
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from jobs.cli.upkeep import EXPECTED_FAILURES
from jobs.demo.media import make_media
from tests.acceptance.runs import clean_environment, command
from tests.support.fleet import Fleet
from tests.support.programs import Program

LOOK_EVERY_S = 0.5
PATIENCE_S = 180.0
INTERRUPTED = 130
QUERY = (
    "SELECT path, count(*) AS faces, CAST(avg(happiness) AS numeric(4, 3)) AS happiness, "
    "CAST(avg(valence) AS numeric(4, 3)) AS valence FROM emotions GROUP BY path ORDER BY path"
)
PER_FILE = "SELECT path, dominant, count(*) AS faces FROM emotions GROUP BY 1, 2 ORDER BY 1, 3 DESC"


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet_demo", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("up", "demo"))
    parser.add_argument("--media", type=Path, help="folder of recordings, the media root `main` (default: this one)")
    parser.add_argument("--output", type=Path, default=Path("moodreel-demo"), help="where the demo puts its media")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _told_to_end)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        return demo(arguments.output) if arguments.what == "demo" else up((arguments.media or Path.cwd()).resolve())
    except KeyboardInterrupt:
        return 0 if arguments.what == "up" else INTERRUPTED


def up(media: Path) -> int:
    """Keep a fleet running until Ctrl-C, or until one of its parts ends by itself."""
    with _running(media) as (fleet, programs):
        print(f"The media root `main` is {media}. In another terminal:\n")
        for name, value in fleet.settings.items():
            print(f"export {name}={shlex.quote(value)}")
        print(f"\n{_shown('submit')} {shlex.quote(str(media))} --watch")
        print(f"\nLogs: {fleet.programs.folder}. Ctrl-C ends the fleet; what it stored goes with it.")
        while all(program.code is None for program in programs):
            time.sleep(LOOK_EVERY_S)
        print("\nerror: a part of the fleet ended by itself", file=sys.stderr)
        print(fleet.tails(), file=sys.stderr)
        return 1


def demo(output: Path) -> int:
    """Sample media, analysed by a fleet of two workers, queried; 0 where all went as it should."""
    media = (output / "media").resolve()
    print(f"making sample media in {media}")
    make_media(media)
    print("starting Redis, PostgreSQL, two workers and a reaper")
    with _running(media) as (fleet, programs):
        fleet.await_ready(*programs)
        job = _run(fleet, "submit", media, "--name", "fleet-demo", "--watch").strip()
        _run(fleet, "status", job)
        _run(fleet, "query", QUERY)
        _run(fleet, "query", PER_FILE)
        return _verdict(fleet, job)


def _verdict(fleet: Fleet, job: str) -> int:
    (failed,) = fleet.rows("SELECT count(*) FROM job_file WHERE job_id = %s AND error_code IS NOT NULL", job)[0]
    states = dict(fleet.rows("SELECT state, count(*) FROM segment GROUP BY 1"))
    if failed == EXPECTED_FAILURES and set(states) == {"done"}:
        return 0
    print(f"error: {failed} files failed where {EXPECTED_FAILURES} is broken on purpose; segments: {states}")
    print(fleet.tails(), file=sys.stderr)
    return 1


@contextmanager
def _running(media: Path) -> Iterator[tuple[Fleet, list[Program]]]:
    with Fleet({"main": media}) as fleet:
        yield fleet, [fleet.worker("--concurrency", "1"), fleet.worker("--concurrency", "1"), fleet.reaper()]


def _run(fleet: Fleet, *arguments: str | Path) -> str:
    """Run a command here, as a person would; what it printed. One file of the demo is broken: 1 is a good end."""
    print(f"\n$ {_shown(*arguments)}")
    environment = clean_environment(**fleet.settings)
    with subprocess.Popen(command(*arguments), env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    print(printed, end="")
    if process.returncode not in (0, 1):
        print(fleet.tails(), file=sys.stderr)
        raise SystemExit(f"error: it ended with {process.returncode}")
    return printed


def _shown(*arguments: str | Path) -> str:
    return shlex.join(["moodreel", *map(str, arguments)])


def _told_to_end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
