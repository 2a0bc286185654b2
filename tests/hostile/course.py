"""A corpus, the run over it, and whether anything escaped."""

import hashlib
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np

from tests.acceptance.folders import views, write_clip
from tests.acceptance.runs import sql
from tests.hostile import bombs, damage, metadata, names, places, playlists, streams
from tests.hostile.canary import canary
from tests.hostile.case import Bait, Case, Expect
from tests.hostile.clock import Lap, laps
from tests.hostile.names import MARKER
from tests.hostile.watch import Watched, watched
from workers.limits import ChildLimits

CODE = re.compile(r"^\| `([a-z]+\.[a-z_]+)` \|", re.MULTILINE)
DOCUMENTED = Path(__file__).parents[2] / "docs" / "reference" / "problems.md"
CHILD_MB, CHILD_S = 1024, 20
LIMITS = ChildLimits(memory_mb=CHILD_MB, timeout_s=CHILD_S)
SLACK = 1.1
"""What a child may exceed its limits by."""
LATER = (
    ("report", "latest", "--output", "report.html"),
    ("status", "latest"),
    ("jobs",),
    ("query", "SELECT path, code, reason, hint FROM problems"),
    ("query", "SELECT DISTINCT path FROM frames"),
    ("query", "@dominant-by-file"),
)
"""What a person asks after a run: it shows names, too."""
LATER_S = 120.0
GROWING = b"growing/long.mp4"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that must not happen, and did."""

    what: str
    detail: str


@dataclass(slots=True)
class Outcome:
    """What came of a corpus."""

    tried: int
    analysed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    most_mb: float = 0.0
    wall_s: float = 0.0
    longest_s: float = 0.0
    """Over one file, or one segment of it."""
    faults: list[Fault] = field(default_factory=list)


def corpus(bait: Bait, seed: int = 1, every: int = 64, flips: int = 10) -> Iterator[Case]:
    """Every theme; `every` and `flips` say how much of the damage there is."""
    yield from places.honest(12, 8)
    yield from places.cases(bait)
    yield from playlists.cases(bait)
    yield from names.cases()
    yield from bombs.cases()
    yield from metadata.cases()
    yield from streams.cases(bait)
    yield from damage.cases(seed, every, flips)


def run(folder: Path, make: Callable[[Bait], Iterator[Case]], timeout_s: float, show: Callable[[str], None]) -> Outcome:
    """Write a corpus into `folder`, run over it, and look at all that it left."""
    secret = secret_video(folder / "secret" / "secret.mp4")
    with canary() as heard:
        cases = list(make(Bait(heard.http_port, heard.udp_port, secret)))
        show(f"writing {len(cases)} files ...")
        media = folder / "media"
        _write(media, cases)
        show("running over them ...")
        database = ("--database", f"sqlite:///{folder}/moodreel.db")
        with _growing(media):
            ran = watched(
                [
                    "run",
                    media,
                    "--every",
                    "1s",
                    "--workers",
                    "2",
                    "--exclude",
                    f"*{Path(Bait.BESIDE).suffix}",
                    *database,
                ],
                folder,
                timeout_s,
                MOODREEL_CHILD_MEMORY_MB=str(CHILD_MB),
                MOODREEL_CHILD_TIMEOUT_S=str(CHILD_S),
            )
        told = [watched([*words, *database], folder, LATER_S) for words in LATER]
        show("timing a child over each of them ...")
        timed = list(laps(media, [case.name for case in cases if opened(case)], LIMITS))
    return judged(folder, cases, Seen(ran, heard.heard, told, timed))


def opened(case: Case) -> bool:
    """Whether a run hands the file to a child, as far as its place tells: links are timed where they lead to."""
    return case.name.partition(b"/")[0] != b"places"


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen of a corpus: the run, what the canaries heard, later commands, and each file's time."""

    ran: Watched
    heard: Sequence[bytes] = ()
    later: Sequence[Watched] = ()
    laps: Sequence[Lap] = ()


def judged(folder: Path, cases: Sequence[Case], seen: Seen) -> Outcome:
    """What came of the run, and of what was asked after it, with every fault."""
    ran = seen.ran
    outcome = Outcome(len(cases), most_mb=ran.most_mb, wall_s=ran.wall_s)
    outcome.faults += [Fault("a canary was called", str(one)) for one in seen.heard]
    outcome.faults += [Fault("a child had a socket", one) for one in sorted(ran.sockets)]
    if ran.most_mb > SLACK * CHILD_MB:
        outcome.faults.append(Fault("a child took too much memory", f"{ran.most_mb:.0f} MB of {CHILD_MB}"))
    if ran.code not in (0, 1):
        outcome.faults.append(Fault("the run did not end as it should", f"{ran.code} after {ran.wall_s:.0f} s"))
    database = folder / "moodreel.db"
    outcome.faults += _fates(cases, database, outcome)
    secret = folder / "secret" / "secret.mp4"
    sha256 = hashlib.sha256(secret.read_bytes()).hexdigest()
    outcome.faults += secrets_in(sha256, looks_of(secret, folder), database)
    outcome.faults += [Fault("a later command failed", repr(one.said[-300:])) for one in seen.later if one.code]
    outcome.faults += [
        Fault("a child took too long", f"{lap.name!r}: {lap.took_s:.1f} s of {lap.may_take_s:.1f}")
        for lap in seen.laps
        if lap.took_s > SLACK * lap.may_take_s
    ]
    outcome.longest_s = max((lap.took_s for lap in seen.laps), default=0.0)
    outcome.faults += _raw([one.said for one in (ran, *seen.later)], folder / "report.html")
    return outcome


def _fates(cases: Sequence[Case], database: Path, outcome: Outcome) -> Iterator[Fault]:
    """What became of every file."""
    known = set(CODE.findall(DOCUMENTED.read_text()))
    frames = {bytes(name): (count, faces) for name, count, faces in sql(database, FRAMES)}
    problems: dict[bytes, list[tuple[str, str]]] = {}
    for name, code, hint in sql(database, PROBLEMS):
        problems.setdefault(bytes(name), []).append((code, hint))
    for case in cases:
        name, codes = case.name, problems.get(case.name, [])
        shown = name[:120].decode("utf-8", "backslashreplace")
        outcome.analysed += name in frames
        outcome.refused.update(code for code, _ in codes)
        outcome.passed += name not in frames and not codes
        yield from (
            Fault("a code that is not documented", f"{code}: {shown}") for code, _ in codes if code not in known
        )
        yield from (Fault("a problem without a hint", f"{code}: {shown}") for code, hint in codes if not hint)
        if case.expect is Expect.HONEST and (codes or frames.get(name) != (case.frames, case.frames)):
            yield Fault("an honest file was not analysed", f"{shown}: {frames.get(name)} of {case.frames}, {codes}")
        if case.expect is Expect.REFUSED and (not codes or name in frames):
            yield Fault("a hostile file was not refused", f"{shown}: {frames.get(name)}, {codes}")
        if case.expect is Expect.EITHER and not codes and name not in frames:
            yield Fault("nobody says what became of a file", shown)


FRAMES = """
    SELECT f.relative, count(*), sum(r.faces) FROM job_file f JOIN frame r USING (media_analysis_id) GROUP BY 1
"""
PROBLEMS = """
    SELECT relative, error_code, error_hint FROM job_file WHERE error_code IS NOT NULL
    UNION SELECT f.relative, s.error_code, s.error_hint FROM job_file f JOIN segment s USING (media_analysis_id)
        WHERE s.error_code IS NOT NULL
    UNION SELECT f.relative, m.error_code, m.error_hint FROM job_file f
        JOIN media_analysis a ON a.id = f.media_analysis_id JOIN media m ON m.id = a.media_id
        WHERE m.error_code IS NOT NULL
"""


Look = tuple[float, ...]
"""A box, and scores in percent."""


def secrets_in(sha256: str, looks: Sequence[Look], database: Path) -> Iterator[Fault]:
    """Whether the secret was analysed, or a face of some file is one of those that it shows."""
    if sql(database, f"SELECT 1 FROM media WHERE sha256 = '{sha256}'"):
        yield Fault("the secret was analysed", sha256)
    for name, *found in sql(database, LOOKS):
        if any(_alike(found, look) for look in looks):
            yield Fault("a face of the secret", bytes(name).decode("utf-8", "backslashreplace"))


LOOKS = """
    SELECT f.relative, box_x, box_y, box_width, box_height, 100 * happiness, 100 * neutral, 100 * surprise
    FROM job_file f JOIN face USING (media_analysis_id)
"""
ALIKE = 4.0
"""How far each number of two looks may differ: the same pixels, decoded anywhere and reduced in any way."""


def _alike(found: Sequence[float | None], look: Look) -> bool:
    return all(one is not None and abs(one - other) < ALIKE for one, other in zip(found, look, strict=True))


def looks_of(secret: Path, folder: Path) -> list[Look]:
    """What a run says of the faces of the secret."""
    database = folder / "secret.db"
    ran = watched(["run", secret, "--every-frame", "--quiet", "--database", f"sqlite:///{database}"], folder, LATER_S)
    found = [tuple(look) for _, *look in sql(database, LOOKS)]
    if ran.code or not found:
        raise RuntimeError(f"nothing is known of the secret: the run over it ended with {ran.code}")
    return found


_ESCAPE = re.compile(
    rb"\x1b\][^\x1b\x07]*" + MARKER.encode() + rb"|\x1b\[31m" + MARKER.encode() + rb"|\x9b31m|\x1b\[2J\.mp4"
)
_MARKUP = re.compile(rf"<script>{MARKER}|<img src=x".encode())


def _raw(said: Sequence[bytes], report: Path) -> Iterator[Fault]:
    """Whether a name or a title speaks to the terminal, or to the browser."""
    for one in said:
        yield from (Fault("a name speaks to the terminal", repr(found)) for found in _ESCAPE.findall(one))
    if not report.exists():
        yield Fault("there is no report", "")
    else:
        page = report.read_bytes()
        yield from (Fault("a name speaks to the browser", repr(found)) for found in _MARKUP.findall(page))
        yield from (
            Fault("a raw control character in the report", repr(one))
            for one in set(re.findall(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]", page))
        )


def _write(media: Path, cases: Sequence[Case]) -> None:
    for case in cases:
        path = media / os.fsdecode(case.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        case.write(path)


def secret_video(path: Path) -> Path:
    """A face on magenta for a second, larger than any other here."""
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for picture in views(99, 25):
            magenta = cv2.resize(picture[15:165, 60:260], (320, 180)).astype(np.uint8, copy=False)
            magenta[:, :40] = np.array((255, 0, 255), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(magenta, format="bgr24")))
        output.mux(stream.encode(None))
    return path


class _growing:  # noqa: N801  reads as what it does
    """A file that somebody still copies while the run is on: it must cost nobody anything."""

    def __init__(self, media: Path) -> None:
        self._path = media / os.fsdecode(GROWING)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._grow)

    def __enter__(self) -> None:
        self._path.parent.mkdir()
        write_clip(self._path, 5, seconds=20)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _grow(self) -> None:
        while not self._stop.is_set():
            with self._path.open("ab") as stream:
                stream.write(b"\0" * 4096)
            time.sleep(0.1)
