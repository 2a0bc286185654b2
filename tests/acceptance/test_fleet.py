"""A fleet on a quiet day: the real commands, a real broker, a real database, one worker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.fleets import agrees, undisturbed
from tests.acceptance.folders import write_photo
from tests.acceptance.runs import Ended, moodreel
from tests.support.fleet import Fleet
from tests.support.postgres import Server
from tests.support.programs import Program


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two media roots beside each other, and what lies outside both."""
    folder = tmp_path_factory.mktemp("roots")
    for name in ("main", "archive", "outside"):
        (folder / name).mkdir()
    return folder


@pytest.fixture(scope="module")
def fleet(roots: Path, postgres: Server) -> Iterator[Fleet]:
    with Fleet({"main": roots / "main", "archive": roots / "archive"}, server=postgres) as made:
        yield made


@pytest.fixture(scope="module")
def worker(fleet: Fleet) -> Program:
    started = fleet.worker("--concurrency", "2")
    fleet.await_ready(started)
    return started


def command(fleet: Fleet, *arguments: str | Path, **environment: str) -> Ended:
    """Run a command in the fleet's environment, however it ends."""
    return moodreel(*arguments, cwd=fleet.programs.folder, **(fleet.settings | environment))


def photos(folder: Path, *numbers: int) -> Path:
    """A folder of photos; each number is another picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        write_photo(folder / f"{number}.jpg", number)
    return folder


def test_a_fleet_finds_what_an_embedded_run_finds(
    forty: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected = undisturbed(forty, tmp_path_factory.mktemp("undisturbed"), "--every", "200ms")
    with Fleet({"main": forty}, server=postgres) as own:
        own.worker("--concurrency", "2")
        ended = command(own, "submit", forty, "--every", "200ms")
        assert ended.code == 0, ended.err
        job = ended.out.strip()
        assert (ended.out, len(job)) == (f"{job}\n", 36)
        own.await_finished(job)
        agrees(own, expected)
        places = own.rows("SELECT DISTINCT root, relative FROM job_file WHERE path = 'clips/03.mp4'")
        assert places == [(b"main", b"clips/03.mp4")]
        again = command(own, "submit", forty, "--every", "200ms", "--watch", "--json")
        assert again.code == 1, again.err  # two files cannot be read
        summary = again.summary
        assert (summary["segments_run"], summary["counts"]["done"], summary["ending"]) == (0, 38, "finished")


def test_watching_shows_the_progress_and_leaves_stdout_to_the_id(fleet: Fleet, worker: Program, roots: Path) -> None:
    study = photos(roots / "main" / "watched", 1, 2, 3)
    ended = command(fleet, "submit", study, "--watch", "--name", "watched")
    assert ended.code == 0, ended.err
    assert len(ended.out.split()) == 1
    assert "(watched) finished after" in ended.err
    assert "3 frames looked at, 3 faces found" in ended.err
    shown = json.loads(command(fleet, "status", "watched", "--json").out)
    assert (shown["state"], shown["counts"]["done"], shown["waits_for"]) == ("finished", 3, None)
    assert shown["workers"][0]["slots"] == 2
    assert "watched" in command(fleet, "jobs").out


def test_nothing_is_submitted_that_workers_could_not_find(fleet: Fleet, worker: Program, roots: Path) -> None:
    photos(roots / "outside", 1)
    before = fleet.rows("SELECT count(*) FROM job")
    ended = command(fleet, "submit", roots / "outside")
    assert (ended.code, ended.out) == (2, "")
    assert "lies in no media root (main, archive)" in ended.err
    assert "hint: write it like MOODREEL_MEDIA_ROOTS=" in ended.err
    assert fleet.rows("SELECT count(*) FROM job") == before


def test_a_link_out_of_its_root_is_a_problem_and_costs_the_others_nothing(
    fleet: Fleet, worker: Program, roots: Path
) -> None:
    photos(roots / "outside", 11)
    study = photos(roots / "main" / "linked", 12)
    (study / "out.jpg").symlink_to(roots / "outside" / "11.jpg")
    ended = command(fleet, "submit", study, "--watch")
    assert ended.code == 1, ended.err
    problems = fleet.rows("SELECT path, code FROM problems WHERE job = %s", ended.out.strip())
    assert problems == [("out.jpg", "path.outside_root")]
    assert "1 face" in ended.err


def test_a_file_that_changed_since_it_was_submitted_is_refused(fleet: Fleet, roots: Path, worker: Program) -> None:
    study = photos(roots / "archive" / "changing", 21, 22)
    worker.send(19)  # SIGSTOP: nothing is analysed before the file is another
    try:
        job = command(fleet, "submit", study).out.strip()
        write_photo(study / "21.jpg", 23)
    finally:
        worker.send(18)  # SIGCONT
    fleet.await_finished(job)
    assert fleet.rows("SELECT path, code FROM problems WHERE job = %s", job) == [("21.jpg", "media.changed")]
    states = fleet.rows(
        "SELECT s.state FROM job_file AS f JOIN segment AS s USING (media_analysis_id) WHERE job_id = %s ORDER BY 1",
        job,
    )
    assert states == [("done",), ("failed",)]


def test_what_failed_is_tried_again_under_its_old_name(fleet: Fleet, worker: Program, roots: Path) -> None:
    study = photos(roots / "main" / "study" / "mended", 31)
    (study / "late.jpg").write_bytes(b"")
    job = command(fleet, "submit", study.parent, "--watch").out.strip()
    assert fleet.rows("SELECT path, code FROM problems WHERE job = %s", job) == [("mended/late.jpg", "media.empty")]
    write_photo(study / "late.jpg", 32)
    ended = command(fleet, "retry", job, "--watch")
    assert ended.code == 0, ended.err
    assert fleet.rows("SELECT path, code FROM problems WHERE job = %s", job) == []
    files = fleet.rows("SELECT root, relative, path FROM job_file WHERE job_id = %s ORDER BY path", job)
    assert files == [
        (b"main", b"study/mended/31.jpg", "mended/31.jpg"),
        (b"main", b"study/mended/late.jpg", "mended/late.jpg"),
    ]
    nothing = command(fleet, "retry", job)
    assert (nothing.code, nothing.err) == (0, "nothing has failed in this job\n")


def test_a_job_whose_root_no_worker_has_waits_and_says_so(roots: Path, postgres: Server) -> None:
    study = photos(roots / "archive" / "waiting", 41)
    photos(roots / "main" / "mounted", 42)  # an empty folder is taken for one that is not mounted
    with Fleet({"archive": roots / "archive"}, server=postgres) as own:
        own.await_ready(own.worker("--concurrency", "1", MOODREEL_MEDIA_ROOTS=f"main={roots / 'main'}"))
        job = command(own, "submit", study).out.strip()
        shown = command(own, "status", job)
        assert "archive" in shown.out, shown.out
        assert own.rows("SELECT state, failures FROM segment") == [("queued", 0)]
        own.worker("--concurrency", "1")
        own.await_finished(job)


def test_workers_and_reapers_can_be_asked_after(fleet: Fleet, worker: Program) -> None:
    assert command(fleet, "worker", "--check").code == 0
    ended = command(fleet, "reaper", "--check")
    assert (ended.code, "has not reported" in ended.err) == (3, True)
    alone = fleet.reaper()
    fleet.await_rows("SELECT 1 FROM worker WHERE queues = 'reaper'")
    assert command(fleet, "reaper", "--check").code == 0
    alone.send(15)
    assert alone.wait(20) == 0
    assert command(fleet, "reaper", "--check").code == 3


@pytest.mark.parametrize("name", ["submit", "worker", "reaper"])
def test_a_fleet_on_sqlite_is_refused(name: str, tmp_path: Path) -> None:
    arguments = (name, tmp_path) if name == "submit" else (name,)
    ended = moodreel(*arguments, cwd=tmp_path, MOODREEL_MEDIA_ROOTS=f"main={tmp_path}")
    assert (ended.code, ended.out) == (2, "")
    assert "a fleet cannot share an SQLite file" in ended.err
    assert "hint: set MOODREEL_DATABASE_URL=postgresql://" in ended.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("MOODREEL_MEDIA_ROOTS", "", "no media root is set"),
        ("MOODREEL_MEDIA_ROOTS", "main", "'main' is no media root"),
        ("MOODREEL_BROKER_URL", "amqp://localhost", "the broker must be Redis"),
    ],
)
def test_a_worker_with_a_setting_that_cannot_be_meant_is_refused(
    fleet: Fleet, setting: str, value: str, said: str
) -> None:
    ended = command(fleet, "worker", **{setting: value})
    assert ended.code == 2
    assert said in ended.err
    assert "hint: " in ended.err
    assert "Traceback" not in ended.err
