"""A slice of the corpus of files made to do harm (`make hostile` runs all of it), and that its checks can fail."""

import socket
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import av
import pytest

from tests.acceptance.folders import write_photo
from tests.acceptance.runs import sql, wait_until
from tests.hostile.canary import canary
from tests.hostile.case import Bait, Case, Expect
from tests.hostile.clock import Lap
from tests.hostile.course import LOOKS, Outcome, Seen, corpus, judged, run, secret_video, secrets_in
from tests.hostile.watch import Watched

EVERY = 23
"""One of so many files is taken, whatever its theme."""


def slice_of(bait: Bait) -> Iterator[Case]:
    """The honest ones, and some of all others."""
    for place, case in enumerate(corpus(bait)):
        theme = case.name.partition(b"/")[0]
        if (theme == b"honest" and place % 4 == 0) or theme == b"places" or place % EVERY == 0:
            yield case


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run(tmp_path_factory.mktemp("hostile"), slice_of, 240, lambda _: None)


def test_nothing_escapes_from_files_made_to_do_harm(outcome: Outcome) -> None:
    assert outcome.faults == []
    assert outcome.tried > 80
    assert outcome.analysed > 10
    assert sum(outcome.refused.values()) > 50
    assert {"path.link_outside", "media.not_media", "media.corrupt"} <= outcome.refused.keys()


FOOLED = {
    b"lists/hls-file.m3u8": {},
    b"lists/ffconcat-beside.mp4": {},
    b"lists/ffconcat-beside": {},
    b"streams/dref-alis.mp4": {"enable_drefs": "1", "use_absolute_path": "1"},
    b"streams/dref-alis-beside.mov": {"enable_drefs": "1"},
}
"""Files of the corpus, and the options by which a reader without our guards is led by them to the secret."""


@pytest.mark.parametrize("name", FOOLED, ids=lambda name: name.decode())
def test_what_reaches_for_the_secret_gets_it_from_a_reader_without_guards(name: bytes, tmp_path: Path) -> None:
    """Else that we open nothing would prove nothing."""
    bait = Bait(1, 2, secret_video(tmp_path / "secret" / "secret.mp4"))
    for case in corpus(bait):
        if case.name == name or case.name.endswith(bait.BESIDE.encode()):
            path = tmp_path / "media" / case.name.decode()
            path.parent.mkdir(parents=True, exist_ok=True)
            case.write(path)
    with av.open(str(tmp_path / "media" / name.decode()), options=FOOLED[name]) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    red, green, blue = map(int, shown[90, 10])
    assert min(red, blue) - green > 150, "the magenta of the secret"


def test_the_corpus_is_large_and_every_name_is_there_once() -> None:
    names = Counter(case.name for case in corpus(Bait(1, 2, Path("/nowhere/secret.mp4"))))
    assert sum(names.values()) > 1500
    assert max(names.values()) == 1


def test_a_call_to_a_canary_is_noticed() -> None:
    with canary() as told:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"hello", ("127.0.0.1", told.udp_port))
        with pytest.raises(OSError, match=r"."):
            urllib.request.urlopen(f"http://127.0.0.1:{told.http_port}/x", timeout=10)
        wait_until(lambda: len(told.heard) == 2)
    assert sorted(one[:6] for one in told.heard) == [b"http G", b"udp he"]


GOOD = Case(b"a.jpg", lambda path: write_photo(path, 1), Expect.HONEST, 1)


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run over one honest photo leaves."""
    folder = tmp_path_factory.mktemp("ordinary")
    assert run(folder, lambda _: iter([GOOD]), 120, lambda _: None).faults == []
    return folder


def faults(folder: Path, case: Case, ran: Watched, *heard: bytes, laps: Sequence[Lap] = ()) -> set[str]:
    return {fault.what for fault in judged(folder, [case], Seen(ran, heard, (), laps)).faults}


FINE = Watched(1, b"", 1.0)


def test_each_check_can_fail(ordinary: Path) -> None:
    assert faults(ordinary, GOOD, FINE) == set()
    assert faults(ordinary, GOOD, FINE, b"GET /x") == {"a canary was called"}
    assert faults(ordinary, GOOD, replace(FINE, sockets={"tcp"})) == {"a child had a socket"}
    assert faults(ordinary, GOOD, replace(FINE, most_mb=5000.0)) == {"a child took too much memory"}
    assert faults(ordinary, GOOD, replace(FINE, code=None)) == {"the run did not end as it should"}
    assert faults(ordinary, GOOD, replace(FINE, said=b"\x1b[31mpwned-by-a-name")) == {"a name speaks to the terminal"}
    assert faults(ordinary, GOOD, FINE, laps=[Lap(b"a.jpg", 21.9, 20.0)]) == set()
    assert faults(ordinary, GOOD, FINE, laps=[Lap(b"a.jpg", 22.1, 20.0)]) == {"a child took too long"}
    assert faults(ordinary, replace(GOOD, frames=2), FINE) == {"an honest file was not analysed"}
    assert faults(ordinary, replace(GOOD, expect=Expect.REFUSED), FINE) == {"a hostile file was not refused"}
    silent = replace(GOOD, name=b"b.jpg", expect=Expect.EITHER)
    assert "nobody says what became of a file" in faults(ordinary, silent, FINE)


def test_a_page_that_a_name_speaks_through_is_noticed(ordinary: Path, tmp_path: Path) -> None:
    for name in ("moodreel.db", "secret/secret.mp4", "report.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ordinary / name).read_bytes())
    (tmp_path / "report.html").write_text("<script>pwned-by-a-name=1</script>\x1b")
    assert faults(tmp_path, GOOD, FINE) == {
        "a name speaks to the browser",
        "a raw control character in the report",
    }


def test_a_secret_that_is_in_the_database_is_noticed(ordinary: Path) -> None:
    ((sha256,),) = sql(ordinary / "moodreel.db", "SELECT sha256 FROM media WHERE path LIKE '%a.jpg'")
    ((_, *look),) = sql(ordinary / "moodreel.db", LOOKS)
    database = ordinary / "moodreel.db"
    assert [one.what for one in secrets_in(sha256, [], database)] == ["the secret was analysed"]
    assert [one.what for one in secrets_in("0", [tuple(look)], database)] == ["a face of the secret"]
    assert list(secrets_in("0", [(9.0, *look[1:])], database)) == []
