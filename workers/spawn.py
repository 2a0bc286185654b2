"""Starting a child: a fresh interpreter with one socket, two pipes, a clean environment, and nothing else of ours."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.channel import Channel
from workers.failures import ChildCannotStart
from workers.limits import ChildLimits

KEPT_ENVIRONMENT = frozenset(
    (
        *("PATH", "HOME", "LANG", "TZ", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH"),
        *("CUDA_VISIBLE_DEVICES", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MOODREEL_MODEL_CACHE"),
    )
)
"""All that a child may know of our environment: an allow-list, so that no key or database URL can slip in."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_BOOTSTRAP = (
    "import json,sys;sys.path[:]=json.loads(sys.argv[1]);"
    "import importlib;module,_,name=sys.argv[2].partition(':');"
    "getattr(importlib.import_module(module),name)(sys.argv[3])"
)
# `-I` keeps the working directory and PYTHON* variables out: a folder of videos may hold a db.py of its own.


@dataclass(frozen=True, slots=True)
class Spawned:
    """A child as its parent holds it. The file descriptors are the parent's to close."""

    process: "subprocess.Popen[bytes]"
    channel: Channel
    lifeline: int
    """Written by nobody: the child ends when this end closes, however we ended."""
    pulse: int
    """The child writes a byte here now and then while its interpreter runs; never blocks."""
    stderr: int
    """Its last words; never blocks."""


def spawn(limits: ChildLimits, device: str, entry: str) -> Spawned:
    """Start `entry` (`module:function`) in a new interpreter and session. Raises ChildCannotStart.

    Every descriptor here is close-on-exec, so a sibling started at the same time by another thread holds none of them.
    """
    with ExitStack() as on_failure, ExitStack() as theirs:
        try:
            sockets = socket.socketpair()
            on_failure.callback(sockets[0].close)
            theirs.callback(sockets[1].close)
            lifeline, our_lifeline = _pipe(ours=1, on_failure=on_failure, theirs=theirs)
            our_pulse, pulse = _pipe(ours=0, on_failure=on_failure, theirs=theirs)
            our_stderr, stderr = _pipe(ours=0, on_failure=on_failure, theirs=theirs)
            fds = {"socket": sockets[1].fileno(), "lifeline": lifeline, "pulse": pulse}
            process = _start(fds, stderr, {"limits": asdict(limits), "device": device}, entry)
        except OSError as error:
            raise ChildCannotStart(f"no process can be started: {error}", passing=True) from error
        on_failure.pop_all()
    return Spawned(process, Channel(sockets[0]), our_lifeline, our_pulse, our_stderr)


def _start(fds: dict[str, int], stderr: int, options: dict[str, object], entry: str) -> "subprocess.Popen[bytes]":
    argument = json.dumps(fds | options)
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _BOOTSTRAP, json.dumps(_import_path()), entry, argument],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        pass_fds=tuple(fds.values()),
        env=clean_environment(),
        start_new_session=True,  # Ctrl-C at a terminal is for the parent to decide on
    )


def _import_path() -> list[str]:
    """Ours without the working directory, whatever lies there; then the place that this package was loaded from."""
    paths = [os.path.abspath(path) for path in sys.path if path]  # noqa: PTH100  an entry may be an archive, or absent
    home = str(Path(__file__).resolve().parents[1])
    return paths if home in paths else [*paths, home]


def _pipe(ours: int, on_failure: ExitStack, theirs: ExitStack) -> tuple[int, int]:
    """A pipe whose end number `ours` stays with us; reading ends of ours never block."""
    ends = os.pipe()
    on_failure.callback(os.close, ends[ours])
    theirs.callback(os.close, ends[1 - ours])
    os.set_blocking(ends[ours], False)
    return ends


def clean_environment() -> dict[str, str]:
    """What a child gets of ours."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT_ENVIRONMENT or k.startswith("LC_")}
    return kept | ONE_THREAD
