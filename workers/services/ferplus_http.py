"""A scoring container of FER+ (POST /score, one face a call): the well-known one, a notebook's, or `moodreel serve`,
which takes many faces a call.
"""

import threading
from decimal import Decimal
from types import TracebackType
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.services.address import address_of
from workers.services.base import CropAnswer, ServiceCard
from workers.services.ferplus_answer import TITLE, answer_of, error_of
from workers.services.wire import Reply, Wire

CARD = ServiceCard(name="ferplus-http", title=TITLE, rate_per_s=1000.0, usd_per_1000=Decimal(0))
OWN_SERVER = "moodreel"
"""What the header `server` of our own container begins with."""
FACES_HEADER = "x-moodreel-faces"
"""How many faces our own container takes a call, where it says so."""
_OWN_FACES = 16
_MOST_FACES = 256


class FerPlusHttp:
    """A scoring container at an address, /score unless it has a path. Raises SettingsError where it is no address."""

    card = CARD

    def __init__(self, address: str, timeout_s: float = 30.0) -> None:
        url = address_of("ferplus_url", address)
        self._url = url if url.path.strip("/") else url.copy_with(path="/score")
        self._wire = Wire(TITLE, url, timeout_s)
        self._faces: int | None = None
        self._asking = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._wire.__exit__(kind, error, tb)

    def faces_a_call(self) -> int:
        """One, unless `moodreel serve` answers there. Raises ServiceError where nobody does."""
        with self._asking:
            if self._faces is None:
                home = self._url.path.rpartition("/")[0] + "/"
                self._faces = _faces_of(self._wire.ask("GET", self._url.copy_with(path=home)))
            return self._faces

    def score(self, crops: NDArray[np.uint8]) -> CropAnswer:
        """Scores of gray crops, uint8 [n, 64, 64]; integers 0..255 over the wire."""
        body = msgspec.json.encode({"data": crops[:, None].tolist()})
        reply = self._wire.ask("POST", self._url, body, {"content-type": "application/json"})
        if reply.fine:
            return answer_of(reply, len(crops), self._wire.quote)
        raise error_of(reply, self._wire.quote)


def _faces_of(reply: Reply) -> int:
    if not reply.headers.get("server", "").lower().startswith(OWN_SERVER):
        return 1
    told = reply.headers.get(FACES_HEADER, "")
    return min(max(int(told), 1), _MOST_FACES) if told.isascii() and told.isdigit() and len(told) < 9 else _OWN_FACES
