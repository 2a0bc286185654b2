"""Makes the pictures of docs/gallery.md from the sample media: `make gallery`. Needs a Chromium for the report's."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2

sys.path.insert(0, str(Path(__file__).parents[1]))

from jobs.demo.media import make_media
from tests.support.browser import Browser, find_browser

GALLERY = Path(__file__).parent / "gallery"
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80]
WIDEST_PX = 1100
SHOWN = "constant-rate.mp4"
AT_S = 2.5
VIDEO, STAGE = "video", "document.querySelector('#stage video')"
TAGS = ("--tag", "participant=P01", "--tag", "stimulus=ad-3")


def main() -> int:
    """Make all of them anew."""
    program = find_browser()
    if program is None:
        print("error: there is no Chromium\nhint: `make browser`, or set MOODREEL_TEST_BROWSER", file=sys.stderr)
        return 3
    GALLERY.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="moodreel-gallery-") as folder:
        _make(Path(folder), program)
    return 0


def _make(folder: Path, program: str) -> None:
    make_media(folder / "media")
    (folder / "media" / "broken.mp4").unlink()
    _moodreel(folder, "run", "media", "--every", "250ms", "--name", "gallery", *TAGS)
    _moodreel(folder, "annotate", "gallery", "--output", "drawn", "--time")
    _moodreel(folder, "annotate", "gallery", "--output", "covered", "--blur", "--include", "two-people.png")
    _moodreel(folder, "report", "gallery", "--output", "report.html", "--thumbnails")
    _keep(_frame(folder / "drawn" / SHOWN, AT_S), "annotated-video.jpg")
    _keep(cv2.imread(str(folder / "drawn" / "two-people.png")), "annotated-photo.jpg")
    _keep(cv2.imread(str(folder / "covered" / "two-people.png")), "covered-photo.jpg")
    _keep(cv2.imread(str(folder / "drawn" / f"{SHOWN}.sheet.jpg")), "contact-sheet.jpg")
    for name, dark in (("report.jpg", False), ("report-dark.jpg", True)):
        _keep(_photographed(folder / "report.html", program, dark=dark), name)


def _moodreel(folder: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "jobs", *arguments], cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(f"error: `moodreel {' '.join(arguments)}` ended with {done.returncode}")


def _frame(path: Path, time_s: float) -> cv2.typing.MatLike:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= time_s:
                return frame.to_ndarray(format="bgr24")
    raise SystemExit(f"error: {path.name} ends before {time_s} s")


def _photographed(page: Path, program: str, *, dark: bool) -> cv2.typing.MatLike | None:
    with TemporaryDirectory(prefix="moodreel-gallery-") as folder:
        browser = Browser(program, (1280, 1400))
        try:
            browser.emulate(dark=dark)
            browser.open(page.as_uri())
            clicked = f"[...document.querySelectorAll('#files .name')].find((one) => one.textContent === '{SHOWN}')"
            browser.js(f"{clicked}.click()")
            browser.wait_for("document.querySelector('#now dl') !== null")
            browser.wait_for("(document.querySelector('#stage video') || {readyState: 4}).readyState >= 2")
            browser.click("#timeline", across=0.45, down=0.3)
            browser.js("document.querySelector('#stage video')?.pause()")
            browser.wait_for(
                f"(({VIDEO}) => {VIDEO} === null || (!{VIDEO}.seeking && {VIDEO}.readyState >= 3))({STAGE})"
            )
            time.sleep(0.5)  # the sign that it loads fades
            browser.js("window.scrollTo(0, 0)")
            browser.screenshot(Path(folder) / "page.png")
        finally:
            browser.close()
        return cv2.imread(str(Path(folder) / "page.png"))


def _keep(picture: cv2.typing.MatLike | None, name: str) -> None:
    if picture is not None and picture.shape[1] > WIDEST_PX:
        height = round(picture.shape[0] * WIDEST_PX / picture.shape[1])
        picture = cv2.resize(picture, (WIDEST_PX, height), interpolation=cv2.INTER_AREA)
    if picture is None or not cv2.imwrite(str(GALLERY / name), picture, JPEG):
        raise SystemExit(f"error: {name} was not made")
    print(f"docs/gallery/{name}: {(GALLERY / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
