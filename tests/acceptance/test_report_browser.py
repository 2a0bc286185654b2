"""The page in a real browser, from disk: it draws, listens, seeks, prints, and asks nobody for anything.

Screenshots are kept in build/screenshots, for people to look at.
"""

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray

from tests.acceptance.folders import portrait, views, write_clip, write_photo
from tests.acceptance.runs import moodreel
from tests.support.browser import Browser, find_browser

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
HOSTILE = "<script>document.title='owned'<\u2215script>\"'\u202e.jpg"
VIDEO = "document.querySelector('#stage video')"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, analysed and reported; the first half of a clip is one track, the other another. The processes of
    pytest-xdist share it.
    """
    own = tmp_path_factory.getbasetemp()
    meeting_place = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(meeting_place / "reported.lock"):
        made = meeting_place / "reported"
        if not (made / "report.html").exists():
            shutil.rmtree(made, ignore_errors=True)
            make_report(made)
    return made


def make_report(made: Path) -> None:
    media = made / "media"
    media.mkdir(parents=True)
    write_clip(media / "first.mp4", 1, seconds=6)
    write_clip(media / "second.mp4", 2, seconds=8)
    write_turned_clip(media / "turned.mp4", [np.rot90(one) for one in views(3, 75)])
    write_turned_clip(media / "nobody.mp4", [np.full((180, 320, 3), 90, np.uint8)] * 50, turn=0)
    write_photo(media / HOSTILE, 4)
    cv2.imwrite(str(media / "two.png"), np.hstack([portrait(), portrait()]))
    (media / "broken.mp4").write_text("this is text")
    tags = [("first.mp4", "P1", "warm"), ("second.mp4", "P2", "cold"), ("turned.mp4", "P3", "warm")]
    lines = [f"media/{name},{who},{condition},trailer</script>" for name, who, condition in tags]
    (made / "manifest.csv").write_text("\n".join(["path,participant,condition,stimulus", *lines]))
    ended = moodreel("run", "media", "--manifest", "manifest.csv", "--fps", "2", "--name", "pilot", cwd=made)
    assert ended.code == 1, ended.err
    with closing(sqlite3.connect(made / "moodreel.db")) as database:
        number = "(SELECT media_analysis_id FROM job_file WHERE path = 'first.mp4')"
        database.execute(f"UPDATE face SET track = 1 + (time_s >= 3) WHERE media_analysis_id = {number}")
        database.commit()
    ended = moodreel("report", "pilot", "-o", "report.html", cwd=made)
    assert ended.code == 0, ended.err


def write_turned_clip(path: Path, pictures: Sequence[NDArray[np.uint8]], turn: int = -90) -> None:
    """A clip that players are told to turn by `turn` degrees counter-clockwise."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.options = {"preset": "veryfast", "threads": "1"}
        if turn:
            stream.set_display_rotation(turn)
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")))
        output.mux(stream.encode(None))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser; skips where there is none."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium is installed (`make browser`, or MOODREEL_TEST_BROWSER=PROGRAM)")
    with Browser(program) as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, folder: Path) -> Browser:
    """The report, just opened, with a clip on show."""
    browser.emulate()
    browser.resize(1280, 900)
    browser.open("about:blank")
    browser.open((folder / "report.html").as_uri())
    show(browser, "first.mp4")
    return browser


def show(page: Browser, path: str) -> None:
    """Open a recording and wait until it is drawn."""
    page.js(f"[...document.querySelectorAll('#files .name')].find((one) => one.textContent === '{path}').click()")
    page.wait_for(f"document.querySelector('#recording-name').textContent === '{path}'")
    page.wait_for("document.querySelector('#now dl') !== null")
    page.wait_for(f"{VIDEO} === null || {VIDEO}.readyState >= 2")


def text(page: Browser, selector: str) -> str:
    found = page.js(f"document.querySelector('{selector}').textContent")
    assert isinstance(found, str)
    return found


def test_it_opens_from_disk_without_a_complaint_and_asks_for_nothing_but_the_recordings(
    page: Browser, folder: Path
) -> None:
    assert page.logged == []
    assert {url.partition("#")[0] for url in page.requests} <= {
        (folder / "report.html").as_uri(),
        (folder / "media" / "first.mp4").as_uri(),
        (folder / "media" / "turned.mp4").as_uri(),
    }
    page.screenshot(SCREENSHOTS / "report.png")


def test_a_click_on_the_timeline_goes_to_that_moment_and_plays_with_boxes(page: Browser) -> None:
    page.click("#timeline", across=0.5, down=0.3)
    page.wait_for(f"{VIDEO}.currentTime > 2.4 && !{VIDEO}.paused")
    page.wait_for("document.querySelectorAll('#stage .box').length === 1")
    page.js(f"{VIDEO}.pause()")
    assert page.js(f"{VIDEO}.currentTime") < 6
    assert re.match(
        r"0:0[2-5]\.\d, happiness \d+\s%, valence", page.js("document.querySelector('#timeline').ariaValueText")
    )
    assert "happiness" in text(page, "#stage .box span")
    page.screenshot(SCREENSHOTS / "report-recording.png", whole=False)


def test_the_keyboard_does_what_the_pointer_does(page: Browser) -> None:
    page.js("document.querySelector('#filter').focus()")
    page.type("second")
    page.wait_for("document.querySelectorAll('#files tbody tr').length === 1")
    page.js("document.querySelector('#files .name').focus()")
    page.press("Enter")
    page.wait_for("document.querySelector('#recording-name').textContent === 'second.mp4'")
    assert page.js("document.activeElement.id") == "recording-name"
    page.wait_for("document.querySelector('#now dl') !== null")
    page.js("document.querySelector('#timeline').focus()")
    page.press("ArrowRight")
    page.press("ArrowRight")
    page.wait_for(f"Math.abs({VIDEO}.currentTime - 1.0) < 0.01 && {VIDEO}.paused")
    page.press("End")
    page.wait_for(f"{VIDEO}.currentTime > 7")
    page.press("Home")
    page.press("Enter")
    page.wait_for(f"!{VIDEO}.paused && {VIDEO}.currentTime > 0")


def test_tab_reaches_the_table_the_timeline_and_the_switches(page: Browser) -> None:
    page.js("document.body.focus()")
    reached = set()
    for _ in range(80):
        page.press("Tab")
        reached.add(page.js("document.activeElement.id || document.activeElement.className"))
    assert {"skip", "theme", "filter", "name", "timeline", "previous"} <= reached


def test_the_table_sorts_and_filters(page: Browser) -> None:
    first = "document.querySelector('#files tbody th').textContent"
    page.click("#files [data-key='faces']")
    assert page.js("document.querySelector('#files [aria-sort]').ariaSort") == "descending"
    assert page.js(first).startswith("second.mp4")
    page.click("#files [data-key='faces']")
    assert not page.js(first).startswith("second.mp4")
    page.js("document.querySelector('#filter').focus()")
    page.type("condition=warm happiness")
    page.wait_for("document.querySelectorAll('#files tbody tr').length === 2")
    assert text(page, "#count") == "2 of 7 files"


def test_tracks_and_emotions_can_be_switched_off(page: Browser) -> None:
    drawn = "document.querySelector('#timeline path.e1').getAttribute('d')"
    whole = page.js(drawn)
    assert "Track 1" in text(page, "#appearances")
    page.click("#appearances li:nth-child(1) button")
    assert page.js("document.querySelector('#appearances li button').ariaPressed") == "false"
    assert len(page.js(drawn)) < len(whole)
    assert page.js("document.querySelectorAll('#timeline .unseen').length") == 1
    page.click("#appearances li:nth-child(1) button")
    assert page.js(drawn) == whole
    page.click("#lanes button:nth-child(2)")
    assert page.js("document.querySelector('#timeline path.e1')") is None
    page.click("#lanes .plain")
    assert page.js("document.querySelectorAll('#timeline path.line').length") == 7


def test_frames_without_a_face_are_gaps_and_said_to_be(page: Browser) -> None:
    show(page, "nobody.mp4")
    assert text(page, "#timeline .quiet") == "no face"
    assert "no face" in page.js("document.querySelector('#timeline').ariaValueText")


def test_boxes_lie_where_the_faces_are_also_when_the_picture_is_turned(page: Browser, folder: Path) -> None:
    show(page, "turned.mp4")
    page.click("#timeline", across=0.4)
    page.js(f"{VIDEO}.pause()")
    page.wait_for(f"{VIDEO}.videoWidth > 0 && document.querySelector('#stage .box') !== null")
    shape = page.js(f"[{VIDEO}.videoWidth, {VIDEO}.videoHeight]")
    with closing(sqlite3.connect(folder / "moodreel.db")) as database:
        width, height = database.execute("SELECT width, height FROM media WHERE path = 'turned.mp4'").fetchone()
        x, y = database.execute(
            "SELECT avg(box_x), avg(box_y) FROM emotions WHERE path = 'turned.mp4' AND time_s BETWEEN 0.5 AND 2"
        ).fetchone()
    assert shape == [width, height]
    place = "document.querySelector('#stage .box').getBoundingClientRect()"
    frame = f"{VIDEO}.getBoundingClientRect()"
    left, top = page.js(f"[({place}.x - {frame}.x) / {frame}.width, ({place}.y - {frame}.y) / {frame}.height]")
    assert (left, top) == pytest.approx((x / width, y / height), abs=0.06)


def test_a_photo_shows_with_its_boxes(page: Browser) -> None:
    show(page, "two.png")
    page.wait_for("document.querySelector('#stage img').complete")
    assert page.js("document.querySelectorAll('#stage .box').length") == 2
    assert page.js("document.querySelector('#timeline').checkVisibility()") is False


def test_groups_are_drawn_with_their_band_and_the_number_of_participants(page: Browser) -> None:
    page.wait_for("document.querySelectorAll('#comparison path.band').length === 2")
    assert {"cold (n = 1)", "warm (n = 2)"} == set(
        page.js("[...document.querySelectorAll('#comparison .end')].map((one) => one.textContent)")
    )
    assert "participants" in page.js("document.querySelector('#comparison svg').ariaLabel")
    page.js("select = document.querySelector('#choices select'); select.value = '1'")
    page.js("select.dispatchEvent(new Event('change'))")
    page.wait_for("document.querySelector('#comparison svg').ariaLabel.startsWith('happiness')")


def test_light_and_dark_follow_the_system_and_the_switch(page: Browser) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.js(ground)
    page.emulate(dark=True)
    dark = page.js(ground)
    assert dark != light
    page.screenshot(SCREENSHOTS / "report-dark.png")
    page.click("#theme")
    assert page.js(ground) == light
    page.emulate()
    page.click("#theme")
    assert page.js(ground) == dark


def test_on_paper_there_is_everything_to_read_and_nothing_to_press(page: Browser) -> None:
    page.emulate(printing=True)
    seen = "(selector) => [...document.querySelectorAll(selector)].some((one) => one.checkVisibility())"
    assert not page.js(f"({seen})('#filter, #theme, #stage, #lanes, #next')")
    assert page.js(f"({seen})('#timeline svg')")
    assert page.js(f"({seen})('#comparison svg')")
    assert page.js("getComputedStyle(document.querySelector('#recordings .scroll')).maxHeight") == "none"
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 8
    page.screenshot(SCREENSHOTS / "report-print.png")


def test_a_screen_reader_is_told_what_everything_is(page: Browser) -> None:
    told = page.names()
    roles = {role for role, _ in told}
    assert {"main", "heading", "table", "columnheader", "slider", "searchbox", "region"} <= roles
    assert any(role == "slider" and name.startswith("Timeline") for role, name in told)
    nameless = [
        role for role, name in told if role in ("button", "link", "slider", "searchbox", "combobox") and not name
    ]
    assert nameless == []


def test_without_the_recordings_the_page_says_so_and_stays_whole(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "report.html", tmp_path / "alone.html")
    browser.open("about:blank")
    browser.open((tmp_path / "alone.html").as_uri())
    show(browser, "first.mp4")
    browser.wait_for("document.querySelector('#stage .note').textContent.includes('cannot be shown')")
    assert browser.js("document.querySelectorAll('#stage .box').length") == 1
    browser.click("#timeline", across=0.6)
    assert re.match(r"0:0[2-5]", browser.js("document.querySelector('#timeline').ariaValueText"))
    assert not [line for line in browser.logged if line.startswith("exception")]


def test_a_recording_that_lies_elsewhere_can_be_shown_to_the_page(
    browser: Browser, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(folder / "report.html", tmp_path / "alone.html")
    browser.open("about:blank")
    browser.open((tmp_path / "alone.html").as_uri())
    show(browser, "first.mp4")
    browser.wait_for("document.querySelector('#stage input[type=file]') !== null")
    browser.choose("#stage input[type=file]", folder / "media" / "first.mp4")
    browser.wait_for(f"{VIDEO} !== null && {VIDEO}.readyState >= 2 && {VIDEO}.src.startsWith('blob:')")


def test_hostile_names_run_nothing_and_the_page_may_load_nothing(page: Browser) -> None:
    assert page.js("document.title") == "pilot \N{EN DASH} Moodreel report"
    assert page.js("document.scripts.length") == 2
    shown = page.js("[...document.querySelectorAll('#files .name')].map((one) => one.textContent)")
    assert HOSTILE.replace("\u202e", "\\u202e") in shown
    page.js("foreign = document.createElement('script'); foreign.textContent = 'owned = 1'")
    page.js("document.body.append(foreign)")
    assert page.js("typeof owned") == "undefined"
    refused = page.js("fetch('http://127.0.0.1:9/x').then(() => 'loaded', (error) => error.name)")
    assert refused == "TypeError"
    assert not [url for url in page.requests if url.startswith("http")]


def test_a_link_to_a_moment_opens_there(browser: Browser, folder: Path) -> None:
    browser.open("about:blank")
    browser.open((folder / "report.html").as_uri() + "#f=2&t=3.0")
    browser.wait_for("document.querySelector('#now .when') !== null")
    browser.wait_for("document.querySelector('#timeline').getAttribute('aria-valuenow') === '3'")
    assert text(browser, "#recording-name") == "first.mp4"
