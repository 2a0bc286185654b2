"""`moodreel report` as a person types it: which file, in which form, and what it refuses."""

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.folders import write_clip, write_photo
from tests.acceptance.runs import Ended, moodreel, sql

HOSTILE = "a]<img src=x onerror=alert(1)>&#'\" \u202egpj.jpg"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a finished job: a clip, two photos, one of a hostile name, and a file that is no video."""
    folder = tmp_path_factory.mktemp("report")
    media = folder / "media"
    media.mkdir()
    write_clip(media / "clip.mp4", 1, seconds=3)
    write_photo(media / "photo.jpg", 2)
    shutil.copy(media / "photo.jpg", media / HOSTILE)
    (media / "broken.mp4").write_text("this is text")
    manifest = "path,participant,condition\nmedia/clip.mp4,P1,warm\nmedia/photo.jpg,P2,cold\n"
    (folder / "manifest.csv").write_text(manifest)
    ended = moodreel("run", "media", "--manifest", "manifest.csv", "--fps", "2", "--name", "pilot", cwd=folder)
    assert ended.code == 1, ended.err
    yield folder
    assert sorted(path.name for path in media.iterdir() if path.name.startswith(".")) == []


def report(folder: Path, *more: str | Path) -> Ended:
    return moodreel("report", "pilot", *more, cwd=folder)


def payload_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', page.read_text("utf-8"))
    assert found is not None
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def file_of(page: Path, path: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in payload_of(page)["files"] if one["path"] == path)
    return found


def test_a_page_holds_what_the_database_holds(made: Path) -> None:
    ended = report(made, "-o", "page.html", "--force")
    assert ended.code == 0, ended.err
    assert ended.out == ""
    clip = file_of(made / "page.html", "clip.mp4")
    ((frames, faces, happy),) = sql(
        made / "moodreel.db",
        "SELECT max(frames), max(faces), max(share_happiness) FROM media_summary WHERE path = 'clip.mp4'",
    )
    assert (clip["frames"], clip["faces"], clip["shares"][1]) == (frames, faces, round(happy * 1000))
    assert clip["url"] == "media/clip.mp4"
    assert clip["tags"] == {"participant": "P1", "condition": "warm"}
    assert file_of(made / "page.html", "broken.mp4")["state"] == "failed"
    digest = sql(made / "moodreel.db", "SELECT scorer_sha256 FROM analysis LIMIT 1")[0][0]
    assert digest in (made / "page.html").read_text("utf-8")


def test_a_page_holds_no_picture_unless_it_is_asked_for(made: Path) -> None:
    assert report(made, "-o", "plain.html").code == 0
    assert "data:image" not in (made / "plain.html").read_text("utf-8")
    for name, more in (("faces.html", ()), ("blurred.html", ("--blur",))):
        ended = report(made, "-o", name, "--thumbnails", *more)
        assert ended.code == 0, ended.err
        assert "could not be cut" not in ended.err
    sharp = [list(file_of(made / name, "photo.jpg")["thumbs"].values()) for name in ("faces.html", "blurred.html")]
    assert len(sharp[0]) == len(sharp[1]) == 1
    assert sharp[0] != sharp[1]
    clip = file_of(made / "faces.html", "clip.mp4")
    assert {str(moment["box"]) for moment in clip["moments"]} <= set(clip["thumbs"])


def test_thumbnails_of_recordings_that_changed_or_went_away_are_counted(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "copy")
    copy = tmp_path / "copy"
    with closing(sqlite3.connect(copy / "moodreel.db")) as database:
        database.execute("UPDATE job_file SET root = ?", (str(copy / "media").encode(),))
        database.commit()
    (copy / "media" / "photo.jpg").unlink()
    write_clip(copy / "media" / "clip.mp4", 5, seconds=3)
    ended = report(copy, "-o", "page.html", "--thumbnails", "--force")
    assert ended.code == 0, ended.err
    assert "note: " in ended.err
    assert "could not be cut" in (copy / "page.html").read_text("utf-8")
    assert file_of(copy / "page.html", "clip.mp4")["thumbs"] == {}
    assert "not there" in file_of(copy / "page.html", "photo.jpg")["missing"]


def test_a_text_report_tells_the_same(made: Path) -> None:
    ended = report(made, "--format", "md", "-o", "-")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("# pilot\n")
    assert re.search(r"^\| clip\.mp4 \| warm \| P1 \| 0:03 \| 6 \| 6 \| ", ended.out, re.MULTILINE)
    assert "<img" not in ended.out.replace("\\<", "")
    assert "\u202e" not in ended.out
    assert report(made, "-o", "page.md").code == 0
    assert (made / "page.md").read_text("utf-8").splitlines()[6:] == ended.out.splitlines()[6:]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-o", "page.pdf"), "which format"),
        (("-f", "pdf"), "no report format 'pdf'"),
        (("-o", "moodreel.db", "-f", "html", "--force"), "is the database itself"),
        (("-o", "x.html", "--blur"), "--blur without --thumbnails"),
        (("-o", "x.md", "--thumbnails"), "a text holds no thumbnails"),
        (("-o", "-", "--open"), "cannot be opened in a browser"),
        (("-o", "nofolder/x.html"), "there is no folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(made: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = report(made, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert "hint: " in ended.err


def test_a_report_replaces_no_file_unless_forced(made: Path) -> None:
    (made / "mine.html").write_text("mine")
    ended = report(made, "-o", "mine.html")
    assert ended.code == 2
    assert "--force" in ended.err
    assert (made / "mine.html").read_text() == "mine"
    assert report(made, "-o", "mine.html", "--force").code == 0
    assert (made / "mine.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_job_in_which_nothing_was_found_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    moodreel("run", "media", "--name", "pilot", cwd=tmp_path)
    ended = report(tmp_path)
    assert ended.code == 0, ended.err
    assert [one["state"] for one in payload_of(tmp_path / "report.html")["files"]] == ["failed"]
    assert "no face found" in (tmp_path / "report.html").read_text("utf-8")
