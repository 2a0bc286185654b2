"""The inside of a supervised child: the only process that opens media. It holds no key, no database, no network.

Started by `workers.spawn` with one socket, two pipes, its limits and a cleaned environment. It answers one request at
a time and dies with its parent.
"""

import faulthandler
import fcntl
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from workers.channel import Channel, ChannelClosed
from workers.confinement.confine import confine
from workers.explain import problem_of
from workers.heap import keep_freed_pages
from workers.limits import PULSE_EVERY_S, ChildLimits, apply_to_this_process
from workers.messages import (
    AnalyseBatch,
    Analysed,
    BatchDone,
    DrawBatch,
    Drawn,
    Enclosed,
    Enclosures,
    Failed,
    Piece,
    ProbeBatch,
    Probed,
    ProbeWork,
    Progress,
    Ready,
    Reply,
    Request,
    SegmentWork,
    Started,
    Together,
    decode_request,
    encode,
)

if TYPE_CHECKING:
    from workers.drawing.work import DrawWork
    from workers.pipeline import Looked
    from workers.toolbox import Toolbox

PROGRESS_EVERY_FRAMES = 8
NICE = 5
"""How much children give way to their parent, and to whatever else the machine does."""

Send = Callable[[Reply], None]


@dataclass(frozen=True, slots=True)
class Orders:
    """What `workers.spawn` tells a child: its three descriptors, its limits, and where its models run."""

    socket: int
    lifeline: int
    pulse: int
    limits: ChildLimits
    device: str

    @classmethod
    def of(cls, argument: str) -> "Orders":
        """From the JSON on the command line."""
        raw = json.loads(argument)
        return cls(**(raw | {"limits": ChildLimits(**raw["limits"])}))


def main(argument: str) -> None:
    """Run until the parent closes the pipe."""
    orders = Orders.of(argument)
    with enlisted(orders) as channel:
        keep_freed_pages()
        gpu = load_libraries(orders.device)
        apply_to_this_process(orders.limits, bound_address_space=not gpu)
        serve(channel, orders.device, confine(gpu))


@contextmanager
def enlisted(orders: Orders) -> Iterator[Channel]:
    """A child's side of the arrangement: deaf to Ctrl-C, gone with its parent, its pulse shown. Gives the socket."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable(all_threads=False)
    _give_way()
    _die_with_parent(orders.lifeline)
    _show_pulse(orders.pulse)
    with Channel(socket.socket(fileno=orders.socket)) as channel, suppress(ChannelClosed):
        yield channel


def serve(channel: Channel, device: str = "auto", unheld: dict[str, str] | None = None) -> None:
    """Answer requests until the other end is closed: then ChannelClosed is raised.

    `unheld`: what `workers.confinement` could not give up.
    """
    from workers.toolbox import Toolbox

    def send(reply: Reply) -> None:
        channel.send(encode(reply))

    with Toolbox(device) as toolbox:
        send(Ready(unheld or {}))
        while (raw := channel.receive()) is not None:
            answer(decode_request(raw), toolbox, send)


def answer(request: Request, toolbox: "Toolbox", send: Send) -> None:
    """Work through one request, item by item; one item's failure never costs the next."""
    match request:
        case ProbeBatch(items):
            for index, file in enumerate(items):
                attempt(index, partial(_probe, index, file), send)
        case AnalyseBatch(items):
            _analyse_all(items, toolbox, send)
        case DrawBatch(items):
            for index, work in enumerate(items):
                attempt(index, partial(_draw, index, work, send), send)
    send(BatchDone())


def attempt(index: int, work: Callable[[], Reply | None], send: Send) -> None:
    """Do the work of one item and send its answer, whatever becomes of it; None where that comes later."""
    send(Started(index))
    answer_with(index, work, send)


def answer_with(index: int, work: Callable[[], Reply | None], send: Send) -> None:
    """Send what `work` gives, or why it gives nothing."""
    try:
        reply = work()
        if reply is not None:
            send(reply)
    except ChannelClosed:
        raise
    except Exception as error:  # noqa: BLE001  the boundary of the process; what is unforeseen is logged there
        send(Failed(index, problem_of(error)))


def _probe(index: int, work: ProbeWork) -> Reply:
    from workers.video.probe import probe

    return Probed(index, probe(work))


def _analyse_all(items: Sequence[SegmentWork], toolbox: "Toolbox", send: Send) -> None:
    """Analyse segments. Photos of one analysis are looked at first, then their faces are scored together."""
    for analysis, group in groupby(enumerate(items), key=lambda one: one[1].analysis if one[1].may_wait else None):
        if analysis is None:
            for index, work in group:
                attempt(index, partial(_analyse, index, work, toolbox, send), send)
        else:
            _analyse_photos(list(group), toolbox, send)


def _analyse_photos(photos: Sequence[tuple[int, SegmentWork]], toolbox: "Toolbox", send: Send) -> None:
    from workers.pipeline import Looked, look_at
    from workers.scoring.batches import Pool

    pool = Pool(together=lambda: send(Together()))
    waiting: list[tuple[int, Looked]] = []

    def look(index: int, work: SegmentWork) -> None:
        waiting.append((index, look_at(work, toolbox, _reporter(index, send), pool=pool)))

    for index, work in photos:
        attempt(index, partial(look, index, work), send)
    if waiting:
        send(Together())
    for index, looked in waiting:
        answer_with(index, partial(_analysed, index, looked), send)


def _analysed(index: int, looked: "Looked") -> Reply:
    return Analysed(index, looked.result())


def _analyse(index: int, work: SegmentWork, toolbox: "Toolbox", send: Send) -> Reply:
    from workers.pipeline import process_segment

    def hand_over(part: Enclosures) -> None:
        send(Enclosed(index, part))

    return Analysed(index, process_segment(work, toolbox, _reporter(index, send), hand_over))


def _draw(index: int, work: "DrawWork", send: Send) -> Reply:
    from workers.drawing.draw import draw

    def hand_over(offset: int, data: bytes) -> None:
        send(Piece(index, offset, data))

    return Drawn(index, draw(work, hand_over, _reporter(index, send)))


def _reporter(index: int, send: Send) -> Callable[[int], None]:
    def report(frames: int) -> None:
        if frames % PROGRESS_EVERY_FRAMES == 0:
            send(Progress(index, frames))

    return report


def _give_way() -> None:
    """Let others go first: a parent that waits for a processor is late for leases and for its turns at services.

    Linux may weigh whole sessions against each other instead of processes (sched(7), autogroup), so it is told both.
    """
    os.nice(NICE)
    with suppress(OSError):  # a kernel without it, or a second change within a moment
        Path("/proc/self/autogroup").write_text(str(NICE))


def _die_with_parent(lifeline: int) -> None:
    """Exit as soon as the parent's end of the lifeline closes, however the parent ended, even while C code runs.

    Where C code keeps the interpreter's lock no thread of ours can act: there the kernel does (Linux: SIGIO, whose
    default is to end the process).
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        with suppress(OSError):
            os.read(lifeline, 1)
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def _show_pulse(pulse: int) -> None:
    """Write a byte twice a second while the interpreter runs: a call into C that does not return stops it.

    A signal's Python handler runs between two instructions of the main thread, so the beat proves just that.
    """
    os.set_blocking(pulse, False)

    def beat(_signal: int, _frame: object) -> None:
        with suppress(OSError):
            os.write(pulse, b".")

    signal.signal(signal.SIGALRM, beat)
    signal.siginterrupt(signal.SIGALRM, False)
    signal.setitimer(signal.ITIMER_REAL, PULSE_EVERY_S, PULSE_EVERY_S)


def load_libraries(device: str) -> bool:
    """Map what the work needs, before the address space is bounded. Returns whether models may run on a GPU."""
    import av
    import cv2
    import onnxruntime

    cv2.setNumThreads(1)
    av.logging.set_level(None)
    return device != "cpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers()
