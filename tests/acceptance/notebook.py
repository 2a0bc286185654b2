"""The page for people with notebooks: the study that it speaks of, its commands and its recipes."""

import re
import shlex
import sqlite3
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.acceptance.folders import views, write_clip, write_photo
from tests.acceptance.runs import moodreel

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "notebooks.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.M | re.S)
MANIFEST, PARTICIPANTS = (text for language, text in BLOCKS if language == "csv")
TWO = "p01/ad1.mp4"
"""The recording of two people."""
_OPENS = {"sqlite": "sqlite3.connect(", "postgresql": "sqlalchemy.create_engine("}


def write_study(folder: Path) -> None:
    """The recordings of the page's manifest and a photo that it does not name, and the list of participants."""
    recordings = folder / "recordings"
    for number, line in enumerate(MANIFEST.splitlines()[1:]):
        path = recordings / line.partition(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path == recordings / TWO:
            _write_two_people(path)
        else:
            write_clip(path, number, seconds=1.5 + number / 10)
    write_photo(recordings / "photo.jpg", 9)
    (recordings / "files.csv").write_text(MANIFEST)
    (folder / "participants.csv").write_text(PARTICIPANTS)


def _write_two_people(path: Path) -> None:
    """One on the left from 0.5 s on, another on the right from 1.2 s on; nobody from 2 to 3 s; from 4 to 5.2 s no frame
    begins.
    """
    times_ms = (*range(0, 4000, 40), *range(5200, 6000, 40))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 180, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.options = {"preset": "veryfast", "threads": "1"}
        for time_ms, left, right in zip(times_ms, views(1, 120), views(9, 120), strict=True):
            frame = av.VideoFrame.from_ndarray(_seen(time_ms, left, right), format="bgr24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _seen(time_ms: int, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    nobody = np.full_like(left, 90)
    somebody = not 2000 <= time_ms < 3000
    return np.hstack(
        (left if somebody and time_ms >= 500 else nobody, right[:, ::-1] if somebody and time_ms >= 1200 else nobody)
    )


def type_commands(folder: Path, after_the_run: Callable[[], object], **environment: str) -> None:
    """Run the page's commands in their order."""
    for line in (line for language, text in BLOCKS if not language for line in text.splitlines()):
        program, *arguments = shlex.split(line)
        assert program == "moodreel"
        ended = moodreel(*arguments, cwd=folder, **environment)
        assert ended.code == 0, ended.err
        if arguments[0] == "run":
            after_the_run()


def change(database: Path, statement: str) -> None:
    """Change what is stored."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)


def recipes(opens: str) -> list[str]:
    """The page's Python, with one of its two ways to open the database."""
    others = [way for name, way in _OPENS.items() if name != opens]
    return [text for language, text in BLOCKS if language == "python" and not any(other in text for other in others)]
