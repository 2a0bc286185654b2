"""A real Chromium without a window, spoken to through a pipe: https://chromedevtools.github.io/devtools-protocol.

Nothing is needed but the browser itself. What it logs and asks of a network is kept: a page of ours does neither.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio", "--autoplay-policy=no-user-gesture-required"),
)
PATIENCE_S = 60.0
KEYS = {"Enter": 13, "Tab": 9, "Home": 36, "End": 35, "ArrowLeft": 37, "ArrowRight": 39, "PageUp": 33, " ": 32}


def find_browser() -> str | None:
    """A Chromium of this machine, if there is one; MOODREEL_TEST_BROWSER names another."""
    return os.environ.get("MOODREEL_TEST_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


class BrowserError(Exception):
    """The browser refused, or a script of the page failed."""


class Browser:
    """One browser with one page. Close it and nothing of it is left."""

    def __init__(self, program: str, size: tuple[int, int] = (1280, 900)) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="moodreel-browser-", ignore_cleanup_errors=True)
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        arguments = [*OPTIONS, f"--user-data-dir={self._profile.name}", f"--window-size={size[0]},{size[1]}"]
        # The browser reads from descriptor 3 and writes to 4, which the shell makes of ours.
        shell = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", shell, program, "--remote-debugging-pipe", *arguments, "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.logged: list[str] = []
        """Errors and warnings of the console, exceptions of scripts."""
        self.requests: list[str] = []
        """Every URL that was asked for, whether it came or not; what stands in the page itself aside."""
        self._attach(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and all its processes."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._profile.cleanup()

    def open(self, url: str) -> None:
        """Go there, and wait until the page has loaded and settled."""
        self.logged.clear()
        self.requests.clear()
        self.call("Page.navigate", url=url)
        self.wait_for(
            f"location.href.startsWith({json.dumps(url.partition('#')[0])}) && document.readyState === 'complete'"
        )

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:600])
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until an expression is true in the page."""
        until = time.monotonic() + PATIENCE_S
        while not self.js(expression):
            if time.monotonic() > until:
                raise BrowserError(f"waited in vain for {expression}; logged: {self.logged}")
            time.sleep(0.02)

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        """Scroll an element into view and click it: in its middle, or at other parts of its width and height."""
        place = f"document.querySelector({json.dumps(selector)})"
        self.js(f"{place}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.js(
            f"(() => {{ const b = {place}.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; }})()"
        )
        x, y = box[0] + box[2] * across, box[1] + box[3] * down
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            pressed = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            name = "Space" if key == " " else key
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=name, windowsVirtualKeyCode=KEYS[key], **typed)

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def choose(self, selector: str, *files: Path) -> None:
        """Choose files in a file input, as its dialogue would."""
        found = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")["result"]
        self.call("DOM.setFileInputFiles", files=[str(one) for one in files], objectId=found["objectId"])

    def emulate(self, *, dark: bool = False, printing: bool = False) -> None:
        """How the system shows pages: in light or dark, on a screen or on paper; nothing glides, so clicks hit."""
        features = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        values = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media="print" if printing else "screen", features=values)

    def resize(self, width: int, height: int) -> None:
        """Another size of the window."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """The page as a PNG: all of it, or what is in view."""
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def pdf(self) -> bytes:
        """The page as it would be printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])

    def names(self) -> list[tuple[str, str]]:
        """What a screen reader is told: (role, name) of everything in the page's accessibility tree."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        told = (node for node in nodes if not node.get("ignored"))
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in told]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol. Raises BrowserError."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self._read(lambda one: one.get("id") == self._number)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        found: dict[str, Any] = answer["result"]
        return found

    def _attach(self, size: tuple[int, int]) -> None:
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(one for one in targets if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")
        self.resize(*size)

    def _read(self, is_wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE_S
        while True:
            raw, separator, rest = self._buffer.partition(b"\0")
            if separator:
                self._buffer = rest
                message: dict[str, Any] = json.loads(raw)
                self._keep(message)
                if is_wanted(message):
                    return message
                continue
            ready, _, _ = select.select([self._in], [], [], max(0.0, until - time.monotonic()))
            more = os.read(self._in, 1 << 16) if ready else b""
            if not more:
                raise BrowserError("the browser says nothing more")
            self._buffer += more

    def _keep(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.logged.append(f"exception: {json.dumps(params['exceptionDetails'])[:500]}")
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.logged.append(f"{params['type']}: {json.dumps(params['args'])[:500]}")
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.logged.append(f"log: {params['entry']['text']} {params['entry'].get('url', '')}")
            case "Network.requestWillBeSent" if not params["request"]["url"].startswith("data:"):
                self.requests.append(params["request"]["url"])
