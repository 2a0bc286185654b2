"""The inside of a supervised child: the only process that opens media. It holds no key, no database, no network.

Started by `workers.process` with one socket, its limits and a cleaned environment. It answers one request at a time
and dies with its parent.
"""

import faulthandler
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from db.records import Problem
from workers.channel import Channel, ChannelClosed
from workers.errors import WorkError
from workers.limits import ChildLimits, apply_to_this_process
from workers.messages import (
    AnalyseBatch,
    Analysed,
    BatchDone,
    Failed,
    ProbeBatch,
    Probed,
    ProbeWork,
    Progress,
    Ready,
    Reply,
    Request,
    SegmentWork,
    Started,
    decode_request,
    encode,
)

if TYPE_CHECKING:
    from workers.toolbox import Toolbox

PROGRESS_EVERY_FRAMES = 8


def main(argument: str) -> None:
    """Run until the parent closes the pipe. `argument` is the JSON that `workers.process` wrote."""
    options = json.loads(argument)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable(all_threads=False)
    _die_with_parent(options["lifeline"])
    limits = ChildLimits(**options["limits"])
    _load_libraries()
    apply_to_this_process(limits)
    with Channel(socket.socket(fileno=options["socket"])) as channel:
        serve(channel, options["device"])


def serve(channel: Channel, device: str = "auto") -> None:
    """Answer requests until the other end is closed."""
    from workers.toolbox import Toolbox

    def send(reply: Reply) -> None:
        channel.send(encode(reply))

    with suppress(ChannelClosed), Toolbox(device) as toolbox:
        send(Ready())
        while (raw := channel.receive()) is not None:
            answer(decode_request(raw), toolbox, send)


def answer(request: Request, toolbox: "Toolbox", send: Callable[[Reply], None]) -> None:
    """Work through one request, item by item; one item's failure never costs the next."""
    match request:
        case ProbeBatch(items):
            for index, file in enumerate(items):
                send(Started(index))
                _attempt(index, partial(_probe, index, file), send)
        case AnalyseBatch(items):
            for index, segment in enumerate(items):
                send(Started(index))
                _attempt(index, partial(_analyse, index, segment, toolbox, _reporter(index, send)), send)
    send(BatchDone())


def _probe(index: int, work: ProbeWork) -> Reply:
    from workers.video.probe import probe

    return Probed(index, probe(work))


def _analyse(index: int, work: SegmentWork, toolbox: "Toolbox", report: Callable[[int], None]) -> Reply:
    from workers.pipeline import process_segment

    return Analysed(index, process_segment(work, toolbox, report))


def _attempt(index: int, work: Callable[[], Reply], send: Callable[[Reply], None]) -> None:
    try:
        reply = work()
    except WorkError as error:
        reply = Failed(index, error.problem)
    except MemoryError:
        reply = Failed(index, _out_of_memory())
    except ChannelClosed:
        raise
    except Exception as error:
        # The boundary of the process: whatever a library raises over one file must cost that file only.
        logging.getLogger(__name__).exception("action=item-failed")
        reply = Failed(index, _unexpected(error))
    send(reply)


def _reporter(index: int, send: Callable[[Reply], None]) -> Callable[[int], None]:
    def report(frames: int) -> None:
        if frames % PROGRESS_EVERY_FRAMES == 0:
            send(Progress(index, frames))

    return report


def _out_of_memory() -> Problem:
    return Problem(
        "child.memory",
        "analysing it needed more memory than a child may use",
        "raise MOODREEL_CHILD_MEMORY_MB and `moodreel retry`",
        permanent=False,
    )


def _unexpected(error: Exception) -> Problem:
    return Problem(
        "child.error",
        f"unexpected {type(error).__name__}: {error}",
        "please report it with the file's format and `moodreel doctor`",
        permanent=False,
    )


def _die_with_parent(lifeline: int) -> None:
    """Exit as soon as the parent's end of the lifeline closes, however the parent ended, even while C code runs."""

    def watch() -> None:
        with suppress(OSError):
            os.read(lifeline, 1)
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _load_libraries() -> None:
    import av
    import cv2
    import onnxruntime  # noqa: F401  mapped before the address space is bounded

    cv2.setNumThreads(1)
    av.logging.set_level(None)
