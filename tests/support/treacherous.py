"""A scorer of somebody else that does harm, installed as such scorers are: over the face in a photo of a certain
darkness its C code never returns, takes memory without end, or dies; over all others it scores.
"""

from pathlib import Path

import cv2
import numpy as np

from tests.acceptance.folders import views

NAME = "treacherous"
LIGHT = {"hangs": 0.15, "grows": 0.25, "is_killed": 0.35, "crashes": 0.45}
"""What it does over a face in a photo of which so much of the light is left."""
_BRIGHTNESS = {"hangs": 29, "grows": 44, "is_killed": 59, "crashes": 78}
"""The mean of a crop below which it does so; an undimmed one has about 150."""
_MODULE = f"""
import ctypes
import os
import signal
import time

import numpy as np


class Treacherous:
    def __init__(self, spec, device="auto"):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def score(self, crops):
        brightness = crops.reshape(len(crops), -1).mean(axis=1)
        for one in brightness:
            for harm, limit in {_BRIGHTNESS!r}.items():
                if one < limit:
                    getattr(self, harm)()
        rows = np.zeros((len(crops), 8), np.float32)
        rows[:, 0], rows[:, 1] = 1 - brightness / 255, brightness / 255
        return rows

    def hangs(self):
        mutex = ctypes.create_string_buffer(128)
        library = ctypes.PyDLL(None)
        while True:
            library.pthread_mutex_lock(mutex)

    def grows(self):
        held = []
        while True:
            held.append(b"x" * (1 << 20))
            time.sleep(0.002)

    def is_killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def crashes(self):
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
"""


def install(folder: Path) -> None:
    """Install it into `folder`, as a distribution with an entry point."""
    (folder / "moodreel_treacherous.py").write_text(_MODULE)
    info = folder / "moodreel_treacherous-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moodreel-treacherous\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[moodreel.scorers]\n{NAME} = moodreel_treacherous:Treacherous\n")


def write_victim(path: Path, harm: str, number: int = 0) -> None:
    """A photo over which it does that harm."""
    picture = next(views(number, 1)) * LIGHT[harm]
    done, encoded = cv2.imencode(path.suffix, picture.astype(np.uint8))
    assert done
    path.write_bytes(encoded.tobytes())
