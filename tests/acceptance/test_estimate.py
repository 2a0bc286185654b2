"""`estimate` and `--dry-run`: what a run would cost is known before anybody is called."""

from pathlib import Path

import pytest

from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import moodreel, sql
from tests.services.azure import AzureRules, AzureStandIn


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of six faces at two a second, two photos of which one is a copy, and a file that cannot be read."""
    folder = tmp_path_factory.mktemp("estimate")
    media = folder / "media"
    media.mkdir()
    write_clip(media / "clip.mp4", 1, seconds=3)
    write_photo(media / "one.jpg", 2)
    (media / "copy.jpg").write_bytes((media / "one.jpg").read_bytes())
    (media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnonsense")
    return folder


ASKED = ("estimate", "media", "--every", "500ms", "--scorer", "azure")


def test_faces_are_assumed_and_that_is_said_and_nothing_is_written(folder: Path) -> None:
    ended = moodreel(
        *ASKED, "--pack", "2", "--faces-per-frame", "3", "--rate", "20/min", "--max-calls", "10", cwd=folder
    )
    assert ended.code == 1, ended.err
    lines = ended.out.splitlines()
    assert lines[0].startswith("broken.png: ")
    assert lines[-7:] == [
        "4 files (1 unreadable, 0 passed over), 3.0 s of video, 7 frames, 7 of them not analysed yet",
        "faces to score: about 21",
        "calls: 11 to Azure Face; 33 s at 20/min",
        "cost: 0.011 USD, at 1.00 USD for 1,000 (list price)",
        "assumed: 3 faces a frame where nobody has looked for them yet (--faces-per-frame)",
        "assumed: 2 faces a picture (--pack), each found there; what is not is sent again alone",
        "that is more than --max-calls 10: the job would stop there, to be resumed",
    ]
    assert [path.name for path in folder.iterdir()] == ["media"]


def test_a_service_that_finds_the_faces_is_called_once_a_frame_exactly(folder: Path) -> None:
    asked = (*ASKED, "--detector", "service", "--json")
    told = moodreel(*asked, cwd=folder, MOODREEL_PRICES="azure=0.80,rekognition=2").summary
    assert (told["frames"], told["photos"], told["calls"], told["transactions"]) == (7, 1, 7, 7)
    assert (told["faces"], told["assumptions"]) == (None, [])
    assert (told["cost_usd"], told["usd_per_1000"], told["price_from"]) == (0.0056, 0.8, "MOODREEL_PRICES")
    assert (told["counts"]["files"], told["counts"]["files_failed"]) == (4, 1)


def test_a_local_scorer_costs_nothing(folder: Path) -> None:
    ended = moodreel("estimate", "media/one.jpg", cwd=folder)
    assert ended.code == 0, ended.err
    assert "calls: none, and no cost: no service is called\n" in ended.out


def test_faces_that_another_scorer_was_given_are_counted_and_what_is_analysed_already_is_free(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "media").symlink_to(folder / "media")
    assert moodreel("run", "media/clip.mp4", "--every", "500ms", "--scorer", "none", "--quiet", cwd=tmp_path).code == 0
    ((faces,),) = sql(tmp_path / "moodreel.db", "SELECT count(*) FROM emotions")
    told = moodreel(*ASKED, "--json", cwd=tmp_path).summary
    assert (told["frames_to_analyse"], told["faces"], told["faces_assumed"]) == (7, faces + 1, 1)
    before = (tmp_path / "moodreel.db").read_bytes()
    dry = moodreel("run", *ASKED[1:], "--dry-run", cwd=tmp_path)
    assert dry.code == 1
    assert f"faces to score: about {faces + 1}, {faces} of them counted by an earlier analysis\n" in dry.out
    assert dry.out.endswith("\nthis was a dry run: nothing was written\n")
    again = moodreel(
        "run", "media", "--every", "500ms", "--scorer", "none", "--dry-run", "--json", cwd=tmp_path
    ).summary
    assert (again["frames_to_analyse"], again["media_known"], again["estimate"]) == (1, 1, None)
    assert (tmp_path / "moodreel.db").read_bytes() == before


@pytest.mark.parametrize(("options", "calls"), [(("--detector", "service"), 7), (("--pack", "3"), 3)])
def test_a_run_makes_the_calls_that_were_estimated_and_its_bill_says_so(
    folder: Path, tmp_path: Path, options: tuple[str, ...], calls: int
) -> None:
    (tmp_path / "media").symlink_to(folder / "media")
    with AzureStandIn(AzureRules(container=True)) as azure:
        asked = ("media", "--every", "500ms", "--scorer", "azure", *options)
        settings = {"MOODREEL_AZURE_ENDPOINT": azure.url, "MOODREEL_PRICES": "azure=0.50"}
        expected = moodreel("estimate", *asked, "--json", cwd=tmp_path, **settings).summary
        assert (expected["calls"], expected["cost_usd"]) == (calls, calls / 2000)
        assert azure.book.calls == 0
        ended = moodreel("run", *asked, cwd=tmp_path, **settings)
        assert azure.book.transactions == calls
    bill = f"calls: {calls}, {calls} transactions, about {calls / 2000:.4f} USD\n"
    assert bill in ended.out
    left = moodreel("estimate", *asked, cwd=tmp_path, **settings).out
    assert "analysed already, and free: 7 frames\n" in left
    assert "calls: 0 to Azure Face" in left


@pytest.mark.parametrize(
    ("arguments", "prices", "said"),
    [
        (("--rate", "fast"), "", "'fast' is not a rate"),
        ((), "google=1", "prices: 'google' is no service"),
    ],
)
def test_a_rate_or_a_price_that_is_none_is_refused(
    folder: Path, arguments: tuple[str, ...], prices: str, said: str
) -> None:
    ended = moodreel(*ASKED, *arguments, cwd=folder, MOODREEL_PRICES=prices)
    assert ended.code == 2
    assert f"error: {said}\nhint: " in ended.err
