"""A stand-in for scoring containers of FER+: the well-known one, the notebooks' scripts, and ours.

Port 5001 answers GET / with Healthy and POST /score with the script's answer; which script it is, the rules say.
"""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS

from .eyes import EYES
from .server import Rules, StandIn, run
from .transport import Request, Response, as_json

_CRASHED = "An unexpected error occurred in scoring script. Check the logs for more info."


@dataclass
class FerPlusRules(Rules):
    """How the stand-in behaves. The defaults are the well-known container."""

    wrapped: str = "object"
    """Or `string`: the script returned a string, which was made JSON once more."""
    result: str = "probabilities"
    """Or `logits`, `label`, `label-nested`."""
    nested: bool = False
    """The list of one face's numbers in a list of its own."""
    time_name: str = "time"
    """Or `time_in_sec`, and then in a list."""
    faces: int = 1
    """How many faces a call may carry; more than one is ours."""
    server: str = "nginx/1.10.3 (Ubuntu)"
    says_faces: bool = True


class FerPlusStandIn(StandIn):
    """A scoring container of FER+."""

    name: ClassVar[str] = "ferplus"
    rules: FerPlusRules

    def __init__(self, rules: FerPlusRules | None = None, port: int = 0, certificate: Path | None = None) -> None:
        super().__init__(rules or FerPlusRules(), port, certificate)

    @property
    def server_header(self) -> str:
        """What it calls itself."""
        return self.rules.server

    def rated(self, request: Request) -> bool:
        """Calls that score."""
        return (request.method, request.path) == ("POST", "/score")

    def serve(self, request: Request) -> Response:
        """The script's answer, or that it is healthy."""
        if (request.method, request.path) == ("GET", "/"):
            says = (
                (("x-moodreel-faces", str(self.rules.faces)),) if self.rules.faces > 1 and self.rules.says_faces else ()
            )
            return Response(200, b"Healthy", (("Content-Type", "text/plain"), *says))
        if request.path != "/score":
            return Response(404, b"Not found", (("Content-Type", "text/plain"),))
        if request.method != "POST":
            return Response(405, b"Method not allowed", (("Content-Type", "text/plain"),))
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return Response(415, b"Unsupported Media Type", (("Content-Type", "text/plain"),))
        began_s = time.monotonic()
        try:
            crops = self._crops(request.body)
        except (ValueError, KeyError, TypeError) as error:
            return self._told({"error": str(error)})
        result = self._result(EYES.score(crops))
        took_s = time.monotonic() - began_s
        return self._told(
            {"result": result, self.rules.time_name: took_s if self.rules.time_name == "time" else [took_s]}
        )

    def _crops(self, body: bytes) -> NDArray[np.uint8]:
        """Gray uint8 [n, 64, 64]; whatever is no such thing fails as within a script."""
        data = np.array(json.loads(body)["data"])
        if data.ndim != 4 or data.shape[1:] != (1, 64, 64) or not 1 <= len(data) <= self.rules.faces:
            raise ValueError(f"Got invalid dimensions for input: Input3, got {data.shape}, expected (1, 1, 64, 64)")
        if not np.issubdtype(data.dtype, np.integer) or data.min() < 0 or data.max() > 255:
            raise ValueError("the stand-in takes integers of 0 to 255 only, as known clients send them")
        return data[:, 0].astype(np.uint8)

    def _result(self, rows: NDArray[np.float32]) -> Any:
        if self.rules.result.startswith("label"):
            names = [EMOTIONS[int(row.argmax())] for row in rows]
            return [[name] for name in names] if self.rules.result == "label-nested" else names
        if self.rules.result == "logits":
            rows = np.log(np.maximum(rows, 1e-12)) + 1.5
        listed = [list(map(float, row)) for row in rows]
        return listed[0] if len(listed) == 1 and not self.rules.nested else listed

    def _told(self, answer: dict[str, Any]) -> Response:
        body = json.dumps(answer) if self.rules.wrapped == "string" else answer
        return as_json(self.rules.fine_status, body, ("x-ms-request-id", "a-request"), billed=1)

    def too_many(self, wait_s: float) -> Response:
        """What a proxy before it would say."""
        return Response(429, b"Too Many Requests", (("Retry-After", str(math.ceil(wait_s))),))

    def fault(self, name: str, request: Request) -> Response | None:
        """Answers of the HTTP layer around a script, and of scripts."""
        del request
        if name == "429":
            return self.too_many(2)
        if name in _STATUSES:
            return Response(int(name), b"so it is")
        if name in _SCRIPTS:
            return self._told(_SCRIPTS[name])
        return _LAYER.get(name)


_STATUSES = ("400", "401", "413", "415", "431", "503")
_SCRIPTS: dict[str, dict[str, Any]] = {
    "error": {"error": "Missing model"},
    "seven": {"result": [0.125] * 7, "time": 0.1},
    "unknown-label": {"result": ["boredom"], "time": 0.1},
    "neither": {"answer": 42},
}
_LAYER = {
    "crash": as_json(500, {"message": _CRASHED}, ("x-ms-run-function-failed", "True")),
    "timeout": Response(500, b"Scoring timeout after 60000 ms"),
}


if __name__ == "__main__":
    run(FerPlusStandIn, FerPlusRules())
