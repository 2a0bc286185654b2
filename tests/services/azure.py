"""A stand-in for Azure Face, Detect (v1.0 and its successors), in the cloud or as its container.

What it does follows recorded exchanges and the documentation; what neither tells is a rule that can be switched.
"""

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from .azure_faces import face_of
from .azure_query import Question, Wrong, question_of
from .eyes import EYES, is_large_enough
from .server import Rules, StandIn, run
from .transport import Request, Response, as_json

KEY = "0123456789abcdef0123456789abcdef"
MOST_FACES = 100
LEAST_FACE_PX = 36
LEAST_BYTES = 1024
MOST_BYTES = 6 * 2**20
_PAGES = ("/", "/ready", "/status", "/swagger")
FORMS = ("jpeg", "png", "gif", "bmp")
_DETECT = re.compile(r"/face/(v1\.0|v1\.[123]-preview\.1|v1\.2)/detect")
_OPERATION = "Face - Detect Operation under Face API - v1.0"
_APPROVAL = (
    "Feature is not supported, missing approval for one or more of the following features: "
    "Identification,Verification. Please apply for access at https://aka.ms/facerecognition"
)
_WITHDRAWN = (
    "Return Attributes (emotion, gender, age, smile, facial hair, hair and makeup) have been deprecated and are no "
    "longer supported."
)
_BAD_KEY = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)


@dataclass
class AzureRules(Rules):
    """How the stand-in behaves. The defaults are an account of before June 2023, without approval of face ids."""

    keys: tuple[str, ...] = (KEY,)
    container: bool = False
    """No key is asked for, and GET /, /ready, /status and /swagger answer."""
    approved: bool = False
    """Face ids may be returned."""
    emotion: str = "given"
    """Or `withdrawn`, as for every account since 30 June 2023."""
    envelope: str = "nested"
    """Of 403s: the code within `innererror`, as seen; or `flat`, as documented."""
    throttle: str = "s0"
    """Words of a 429: f0, s0, docs, old, bare."""
    retry_after: str = ""
    """Of a 429, which nobody has recorded: none, or `seconds`, `date`, `ms`, `x-ms`."""
    too_big_status: int = 400
    """413 was never confirmed."""
    media_type_status: int = 400
    """Nor was 415."""
    ready_body: str = ""
    most_bytes: int = MOST_BYTES
    since_2024: bool = True
    """detection_03 gives blur, exposure, glasses and occlusion as well."""
    rounding: int = 3


class AzureStandIn(StandIn):
    """Azure Face, Detect."""

    name: ClassVar[str] = "azure"
    rules: AzureRules

    def __init__(self, rules: AzureRules | None = None, port: int = 0, certificate: Path | None = None) -> None:
        super().__init__(rules or AzureRules(), port, certificate)

    def rated(self, request: Request) -> bool:
        """Calls of Detect by somebody it knows."""
        return request.method == "POST" and bool(_DETECT.fullmatch(request.path)) and self._knows(request)

    def serve(self, request: Request) -> Response:
        """What Detect says, or the container's own pages."""
        if self.rules.container and request.method == "GET" and request.path in _PAGES:
            return Response(200, self.rules.ready_body.encode(), (("Content-Type", "text/plain"),))
        if not self._knows(request):
            return _plain(401, "401", _BAD_KEY)
        if request.method != "POST" or not _DETECT.fullmatch(request.path):
            return _plain(404, "404", "Resource not found")
        try:
            question = question_of(request.query, self.rules.since_2024)
        except Wrong as wrong:
            return _plain(400, "BadArgument", str(wrong))
        return self._unsupported(question) or self._unfit(request) or self._look(request, question)

    def _knows(self, request: Request) -> bool:
        given = request.headers.get("ocp-apim-subscription-key") or dict(parse_qsl(request.query)).get(
            "subscription-key"
        )
        return self.rules.container or given in self.rules.keys

    def _unsupported(self, question: Question) -> Response | None:
        """A 403 for what this account is not given; that of the face's id comes first."""
        if question.face_id and not self.rules.approved:
            message = _APPROVAL
        elif question.withdrawn and self.rules.emotion == "withdrawn":
            message = _WITHDRAWN
        else:
            return None
        if self.rules.envelope == "flat":
            return _plain(403, "UnsupportedFeature", message)
        inner = {"code": "UnsupportedFeature", "message": message}
        outer = {"code": "InvalidRequest", "message": "Invalid request has been sent.", "innererror": inner}
        return as_json(403, {"error": outer})

    def _unfit(self, request: Request) -> Response | None:
        """What is said of a body before it is decoded."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "application/json":
            return _plain(400, "InvalidURL", "Invalid image URL.")  # it has no way out
        if kind != "application/octet-stream":
            return _plain(self.rules.media_type_status, "BadArgument", "Invalid media type.")
        if len(request.body) < LEAST_BYTES:
            return _plain(400, "InvalidImageSize", "Image size is too small.")
        if len(request.body) > self.rules.most_bytes:
            return _plain(self.rules.too_big_status, "InvalidImageSize", "Image size is too big.")
        return None

    def _look(self, request: Request, question: Question) -> Response:
        sight = EYES.look(request.body)
        if sight is None or sight.form not in FORMS:
            return _plain(400, "InvalidImage", "Decoding error, image format unsupported.")
        pairs = zip(sight.faces, sight.scores, strict=True)
        seen = [pair for pair in pairs if is_large_enough(pair[0], sight, LEAST_FACE_PX)]
        faces = [face_of(face, row, sight, question, self.rules.rounding) for face, row in seen[:MOST_FACES]]
        faces.sort(key=_area, reverse=True)
        headers = (
            ("apim-request-id", request.headers.get("client-request-id", "00000000-0000-0000-0000-000000000000")),
            ("csp-billing-usage", "CognitiveServices.Face.Transaction=1"),
            ("x-envoy-upstream-service-time", "188"),
        )
        return as_json(self.rules.fine_status, faces, *headers, billed=1)

    def too_many(self, wait_s: float) -> Response:
        """429 in the words of the tier, with the header that the rules ask for."""
        wait = max(1, math.ceil(wait_s))
        headers = _retry_after(self.rules.retry_after, wait)
        return as_json(429, _throttle(self.rules.throttle, wait), *headers)

    def fault(self, name: str, request: Request) -> Response | None:
        """Answers that were seen of it, or are known of gateways before it."""
        if name == "429":
            return self.too_many(1.0)
        if name in ("fewer", "none"):
            good = self.serve(request)
            seen = json.loads(good.body)
            return replace(good, body=json.dumps(seen[:-1] if name == "fewer" else []).encode())
        if name == "echo-key":
            return _plain(401, "401", f"The key {self.rules.keys[0]} is not known.")
        return _FAULTS.get(name)


def _area(face: dict[str, Any]) -> int:
    box = face["faceRectangle"]
    return int(box["width"] * box["height"])


def _plain(status: int, code: str, message: str) -> Response:
    return as_json(status, {"error": {"code": code, "message": message}})


_FAULTS = {
    "picture": _plain(400, "InvalidImage", "Decoding error, image format unsupported."),
    "approval": _plain(403, "UnsupportedFeature", _APPROVAL),
    "503": _plain(503, "ServiceUnavailable", "The service is temporarily busy."),
    "500": _plain(500, "InternalServerError", "Unexpected error."),
    "408": _plain(408, "OperationTimeOut", "Request timed out."),
    "401-old": as_json(401, {"statusCode": 401, "message": _BAD_KEY}),
    "quota": as_json(
        403, {"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 2.12 days."}
    ),
    "multi-service": _plain(
        403,
        "InvalidRequest",
        "Face APIs are not supported for Cognitive Service resources created after 06/21/2022",
    ),
}


def _throttle(form: str, wait_s: int) -> dict[str, Any]:
    """The body of a 429, as seen or documented."""
    return {
        "f0": _error(
            f"Requests to the {_OPERATION} have exceeded rate limit of your current Face F0 pricing tier. Please "
            f"retry after {wait_s} second. To increase your rate limit switch to a paid tier."
        ),
        "s0": _error(
            f"Requests to the {_OPERATION} have exceeded call rate limit of your current Face S0 pricing tier. "
            f"Please retry after {wait_s} second. Please contact Azure support service if you would like to further "
            "increase the default rate limit"
        ),
        "docs": _error("Rate limit is exceeded."),
        "old": {"error": {"statusCode": 429, "message": "Rate limit is exceeded. Try again later."}},
        "bare": {"statusCode": 429, "message": f"Rate limit is exceeded. Try again in {wait_s} seconds."},
    }[form]


def _error(message: str) -> dict[str, Any]:
    return {"error": {"code": "429", "message": message}}


def _retry_after(form: str, wait_s: int) -> tuple[tuple[str, str], ...]:
    if not form:
        return ()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=wait_s), usegmt=True)
    forms = {
        "seconds": ("Retry-After", str(wait_s)),
        "date": ("Retry-After", date),
        "ms": ("retry-after-ms", str(wait_s * 1000)),
        "x-ms": ("x-ms-retry-after-ms", str(wait_s * 1000)),
    }
    return (forms[form],)


if __name__ == "__main__":
    run(AzureStandIn, AzureRules())
