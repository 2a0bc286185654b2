"""Several recordings are drawn side by side: how it ends, and where each is found."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from db.records import ClaimedSegment, Fence, FileIdentity, Problem
from db.report import ReportFile, ReportMedia
from jobs.annotate.asking import Recording
from jobs.annotate.crew import Crew
from jobs.annotate.folder import OutputFolder
from jobs.annotate.place import Finder
from jobs.annotate.request import Failed, Made, Result
from jobs.annotate.scene import Item
from jobs.annotate.studio import Interrupted, in_place
from jobs.annotate.tally import Tally
from jobs.control import CannotWork, Stop
from jobs.disk import DiskTrouble
from jobs.progress import Silent
from tests.support.drawing import photo_facts, unseen
from tests.unit.test_annotate_names import MEDIA, file
from workers.errors import MachineFault
from workers.failures import hung
from workers.limits import ChildLimits
from workers.mounts import Mounts
from workers.places import COMING, NamedPlaces, Places, RootedPlaces, Whereabouts
from workers.roots import parse_roots

PATIENCE_S = 30.0


@dataclass
class Play:
    """Stands for the drawing: `acts` says what becomes of a recording, by its number."""

    acts: dict[int, Callable[[Callable[[], bool]], None]] = field(default_factory=dict)
    begun: list[int] = field(default_factory=list)

    def play(
        self, item: Item, _studio: object, report: Callable[[int], None], stopped: Callable[[], bool]
    ) -> Iterator[Result]:
        self.begun.append(item.number)
        report(1)
        self.acts.get(item.number, lambda _stopped: None)(stopped)
        yield Made(str(item.number), Path(str(item.number)), "photo", 1)


def drawn(play: Play, size: int, count: int, stop: Stop, tmp_path: Path) -> tuple[list[str], Tally]:
    items = [Item(number, file(b"%d.jpg" % number), b"%d.jpg" % number) for number in range(count)]
    tally = Tally(dict.fromkeys(range(count), 1))
    folder = OutputFolder(tmp_path, force=False, recordings=frozenset)
    with Crew(size, ChildLimits(), folder, stop) as crew:
        results = crew.draw(play, items, tally, Silent())  # type: ignore[arg-type]
    return [one.path for one in results], tally


def test_results_come_in_the_order_of_the_job_whoever_is_done_first(tmp_path: Path) -> None:
    second = threading.Event()
    play = Play({0: lambda _: _await(second), 1: lambda _: second.set()})
    paths, tally = drawn(play, 2, 4, Stop(), tmp_path)
    assert paths == ["0", "1", "2", "3"]
    assert tally.is_complete
    counts = tally.snapshot().counts
    assert (counts.files_done, counts.files_failed, counts.frames) == (4, 0, 4)


def _await(event: threading.Event) -> None:
    assert event.wait(PATIENCE_S)


def test_who_is_asked_to_stop_finishes_what_is_begun_and_begins_no_more(tmp_path: Path) -> None:
    stop = Stop()
    paths, tally = drawn(Play({0: lambda _: stop.ask()}), 1, 5, stop, tmp_path)
    assert paths == ["0"]
    assert not tally.is_complete


def test_who_is_told_to_stop_now_leaves_what_is_begun(tmp_path: Path) -> None:
    stop = Stop()

    def until_stopped(stopped: Callable[[], bool]) -> None:
        stop.now()
        assert stopped()
        raise Interrupted

    paths, tally = drawn(Play({1: until_stopped}), 1, 5, stop, tmp_path)
    assert paths == ["0"]
    assert not tally.is_complete


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DiskTrouble("full", "free some"), DiskTrouble),
        (MachineFault("no mount", "mount it"), CannotWork),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
)
def test_what_keeps_this_machine_from_drawing_ends_it(error: Exception, kind: type[Exception], tmp_path: Path) -> None:
    def fail(_stopped: Callable[[], bool]) -> None:
        raise error

    play = Play({0: fail})
    with pytest.raises(kind):
        drawn(play, 1, 50, Stop(), tmp_path)
    assert len(play.begun) < 50


def test_one_that_fails_costs_no_other_and_is_counted(tmp_path: Path) -> None:
    class Worse(Play):
        def play(self, item: Item, *rest: Any) -> Iterator[Result]:
            if item.number == 1:
                yield Failed("1", None, Problem("a", "b", "c"))
            else:
                yield from super().play(item, *rest)

    paths, tally = drawn(Worse(), 2, 3, Stop(), tmp_path)
    assert paths == ["0", "1", "2"]
    assert tally.snapshot().counts.files_failed == 1


def test_a_childs_failure_is_told_with_what_helps_here() -> None:
    problem = in_place(hung(silent=False).problem)
    assert "drawing it" in problem.reason
    assert problem.hint.endswith("`moodreel annotate` again")


def recording(root: bytes, name: bytes, content: bytes, size: int, mtime_ns: int) -> tuple[ReportFile, Recording]:
    digest = hashlib.sha256(content).hexdigest()
    media = ReportMedia(kind="photo", codec="jpeg", **(MEDIA | {"sha256": digest}))
    found = ReportFile(name.decode(), root, name, size, mtime_ns, {}, media, None)
    return found, Recording(found, 1, photo_facts(1, 1), unseen())


def find(places: Places, files: list[ReportFile], one: Recording) -> FileIdentity | Problem:
    with Finder(places, files, "job").found(1, one, lambda: False) as found:
        return found


@pytest.mark.parametrize("named", [True, False])
def test_a_recording_is_what_it_was_or_another_file_of_the_job_with_its_content_or_none(
    named: bool, tmp_path: Path
) -> None:
    paths = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for path in paths:
        path.write_bytes(b"same")
    root = str(tmp_path).encode() if named else b"main"
    roots = parse_roots(f"main={tmp_path}")
    places = NamedPlaces() if named else RootedPlaces(roots, Mounts(roots))
    both = [recording(root, path.name.encode(), b"same", 4, path.stat().st_mtime_ns) for path in paths]
    files = [one for one, _ in both]
    found = find(places, files, both[0][1])
    assert isinstance(found, FileIdentity)
    assert found.path.endswith(b"a.jpg")
    paths[0].write_bytes(b"another")
    found = find(places, files, both[0][1])
    assert isinstance(found, FileIdentity)
    assert found.path.endswith(b"b.jpg")
    paths[1].unlink()
    assert isinstance(find(places, files, both[0][1]), Problem)


class Far:
    """Places where everything has to be fetched first."""

    def __init__(self, asked: int) -> None:
        self.left = asked
        self.released: list[Fence] = []

    def find(self, claim: ClaimedSegment) -> Whereabouts:
        self.left -= 1
        return COMING if self.left > 0 else FileIdentity(claim.relative, 0, 0, 4, 0)

    def release(self, fences: Iterable[Fence]) -> None:
        self.released += fences


def test_a_remote_recording_is_waited_for_and_let_go_when_it_is_drawn() -> None:
    one_file, one = recording(b"s3://bucket/day", b"a.jpg", b"same", 4, 0)
    far = Far(3)
    with Finder(far, [one_file], "job").found(1, one, lambda: False) as found:
        assert isinstance(found, FileIdentity)
        assert far.released == []
    assert len(far.released) == 1
    with pytest.raises(InterruptedError), Finder(Far(99), [one_file], "job").found(1, one, lambda: True):
        pass
