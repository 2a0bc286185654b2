"""One file over HTTP into a part file: streamed, resumed by Range, retried while a retry can help.

The part's validator (ETag) lies beside it, so that a resumed download never joins two versions of a file.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from workers.errors import ModelError
from workers.models.catalogue import ModelCard

_TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504))
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to come back."""

    attempts: int = 4
    """Attempts in a row that may end without getting further than any before."""
    pause_s: float = 1.0
    """Before the second attempt; doubled before each further one."""
    connect_s: float = 15.0
    read_s: float = 60.0


class _Interrupted(Exception):
    """This attempt ended early; another may go on where it stopped."""


class Download:
    """The file of a card on its way into `part`."""

    def __init__(self, card: ModelCard, part: Path, patience: Patience) -> None:
        self._card = card
        self._part = part
        self._validator = part.with_name(part.name + ".etag")
        self._patience = patience

    def run(self, progress: Callable[[int, int], None]) -> None:
        """Fill the part with as many bytes as the card says. Raises ModelError; OSError where the disk refuses."""
        timeout = httpx.Timeout(self._patience.read_s, connect=self._patience.connect_s)
        with httpx.Client(timeout=timeout, follow_redirects=True, headers={"Accept-Encoding": "identity"}) as client:
            fruitless, most = 0, self._have()
            while (have := self._have()) != self._card.size:
                try:
                    self._attempt(client, have, progress)
                except _Interrupted as error:
                    fruitless = 0 if self._have() > most else fruitless + 1
                    most = max(most, self._have())
                    if fruitless >= self._patience.attempts:
                        raise self._unreachable(error) from error.__cause__
                    time.sleep(self._patience.pause_s * 2 ** max(0, fruitless - 1))
        self._validator.unlink(missing_ok=True)

    def _have(self) -> int:
        """Bytes of the part that can be kept: all, or none where there are too many."""
        size = self._part.stat().st_size if self._part.exists() else 0
        if size > self._card.size:
            self._drop()
            return 0
        return size

    def _drop(self) -> None:
        self._part.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def _attempt(self, client: httpx.Client, have: int, progress: Callable[[int, int], None]) -> None:
        with (
            self._translated(),
            client.stream("GET", self._card.source, headers=self._resuming(have)) as response,
        ):
            start = self._start(response, have)
            if start == 0:
                self._remember(response)
            with self._part.open("ab" if start else "wb") as part:
                for done, chunk in _counted(response.iter_raw(), start):
                    if done > self._card.size:
                        self._refuse(f"more than {self._card.size} bytes")
                    part.write(chunk)
                    progress(done, self._card.size)
            if self._have() != self._card.size:
                self._refuse(f"{self._have()} bytes")

    def _resuming(self, have: int) -> dict[str, str]:
        if not have:
            return {}
        validator = self._validator.read_text() if self._validator.exists() else ""
        return {"Range": f"bytes={have}-"} | ({"If-Range": validator} if validator else {})

    def _remember(self, response: httpx.Response) -> None:
        """Keep a strong ETag: the only validator that promises the same bytes."""
        etag = response.headers.get("etag", "")
        if etag and not etag.startswith("W/"):
            self._validator.write_text(etag)
        else:
            self._validator.unlink(missing_ok=True)

    def _start(self, response: httpx.Response, have: int) -> int:
        """Where the body begins. Raises where there is none of use."""
        if response.status_code == 206:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if found and int(found[1]) == have and found[2] in ("*", str(self._card.size)):
                return have
        elif response.status_code == 200:
            self._check_length(response)
            return 0
        elif response.status_code in _TRANSIENT:
            raise _Interrupted(f"it answers {response.status_code} {response.reason_phrase}")
        elif response.status_code != 416:
            raise self._refused(response)
        self._drop()  # the part does not fit what is there now: begin again
        raise _Interrupted("it does not continue the part that we have")

    def _check_length(self, response: httpx.Response) -> None:
        """Refuse before a byte is stored what cannot be the model: a sign-in page, another version."""
        length = response.headers.get("content-length")
        if length is not None and int(length) != self._card.size:
            kind = response.headers.get("content-type", "something").partition(";")[0]
            self._refuse(f"{kind} of {length} bytes")

    def _refuse(self, what: str) -> None:
        self._drop()
        raise ModelError(
            "model.wrong_size",
            f"{self._card.source} gave {what}; {self._card.name} has {self._card.size}",
            f"a proxy or a sign-in page may stand in the way: {self._by_hand()}",
        )

    def _refused(self, response: httpx.Response) -> ModelError:
        return ModelError(
            "model.unavailable",
            f"{self._card.source} answers {response.status_code} {response.reason_phrase}",
            f"look whether it has moved, or {self._by_hand()}",
        )

    def _unreachable(self, error: _Interrupted) -> ModelError:
        return ModelError(
            "model.unreachable",
            f"{self._card.source} cannot be read: {error}",
            f"check the network and HTTPS_PROXY and run it again, it goes on where it stopped; or {self._by_hand()}",
            permanent=False,
        )

    def _by_hand(self) -> str:
        return f"download it elsewhere and `moodreel models fetch {self._card.name} --from FILE`"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise _Interrupted(str(error) or type(error).__name__) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelError(
                "model.unavailable", f"{self._card.source} cannot be read: {error}", self._by_hand()
            ) from error


def _counted(chunks: Iterator[bytes], start: int) -> Iterator[tuple[int, bytes]]:
    """Each chunk with the bytes at hand once it is stored."""
    for chunk in chunks:
        start += len(chunk)
        yield start, chunk
