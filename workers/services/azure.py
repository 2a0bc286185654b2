"""Azure Face, Detect v1.0, in the cloud or in a container: one picture's bytes a call, and no face is stored there."""

import re
import uuid
from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from workers.errors import SettingsError
from workers.services.address import address_of
from workers.services.azure_answer import TITLE, answer_of, error_of
from workers.services.base import Answer, PictureCard
from workers.services.limits import refuse_outsized
from workers.services.wire import Wire

CARD = PictureCard(
    name="azure",
    title=TITLE,
    rate_per_s=10.0,
    usd_per_1000=Decimal("1.00"),
    formats=("jpeg", "png", "gif", "bmp"),
    min_bytes=1024,
    max_bytes=6 * 2**20,
    max_faces=100,
    face_px=36,
)
ATTRIBUTES = (
    *("age", "gender", "headPose", "smile", "facialHair", "glasses", "emotion", "hair", "makeup", "occlusion"),
    *("accessories", "blur", "exposure", "noise", "mask", "qualityForRecognition"),
)
"""What may be asked of a face, as it goes over the wire."""
KEY_HEADER = "Ocp-Apim-Subscription-Key"
_FIRST_MODEL_ONLY = frozenset(
    ("age", "gender", "smile", "facialHair", "emotion", "hair", "makeup", "accessories", "noise")
)
_CLOUD = re.compile(r"\.(cognitiveservices\.azure\.com|api\.cognitive\.microsoft\.com)$")


def attributes_of(text: str) -> tuple[str, ...]:
    """What `--azure-attributes` asks for: names with commas between them, in any case. Raises SettingsError."""
    known = {name.lower(): name for name in ATTRIBUTES}
    asked = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in asked:
        if name not in known:
            raise SettingsError(f"{TITLE} has no attribute {name!r}", f"it has: {', '.join(ATTRIBUTES)}")
    found = tuple(dict.fromkeys(known[name] for name in asked))
    apart = [name for name in found if name in _FIRST_MODEL_ONLY]
    if "mask" in found and apart:
        hint = "ask for them in two analyses"
        raise SettingsError(f"{TITLE} cannot give mask, of its newest model, and {apart[0]}, of its first", hint)
    return found


class AzureFace:
    """Azure Face by a key, or its container without one. `attributes` as `attributes_of` gives them.

    Raises SettingsError where address and key cannot be right.
    """

    card = CARD

    def __init__(
        self,
        endpoint: str,
        key: SecretStr | None,
        attributes: Sequence[str] = ("emotion",),
        timeout_s: float = 30.0,
        *,
        landmarks: bool = False,
    ) -> None:
        address = address_of("azure_endpoint", endpoint, has_key=key is not None)
        if key is None and _CLOUD.search(address.host):
            hint = "set MOODREEL_AZURE_KEY or MOODREEL_AZURE_KEY_FILE; a container needs none"
            raise SettingsError(f"{address.host} wants a key, and none is set", hint)
        self._attributes = tuple(attributes)
        self._url = _detect_url(address, self._attributes, landmarks)
        self._wire = Wire(TITLE, address, timeout_s, None if key is None else (KEY_HEADER, key))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._wire.__exit__(kind, error, tb)

    def is_ready(self) -> bool:
        """Whether a container says that it is, which is no call of Detect. Raises ServiceError where nobody answers."""
        home = self._url.path.rpartition("/face/")[0]
        return self._wire.ask("GET", self._url.copy_with(path=f"{home}/ready", query=None)).fine

    def detect(self, picture: bytes) -> Answer:
        """The faces of one encoded picture, the largest first; scores where emotion was asked for."""
        refuse_outsized(picture, self.card)
        sent_id = str(uuid.uuid4())
        headers = {"content-type": "application/octet-stream", "client-request-id": sent_id}
        reply = self._wire.ask("POST", self._url, picture, headers)
        if reply.fine:
            return answer_of(reply, self._attributes, sent_id, self._wire.quote)
        raise error_of(reply, sent_id, self._wire.quote)


def _detect_url(address: httpx.URL, attributes: tuple[str, ...], landmarks: bool) -> httpx.URL:
    """Where Detect is, below an endpoint as the portal shows it, or as containers are told theirs (with face/v1.0).

    returnFaceId is true unless told otherwise, which most accounts are refused. Emotion is of the first detection
    model; a mask is seen by the newest only.
    """
    base = re.sub(r"(/face/v[^/]*)?(/detect)?/*$", "", address.path)
    version = re.search(r"/face/(v[^/]+)", address.path)
    query = ["returnFaceId=false"]
    if landmarks:
        query.append("returnFaceLandmarks=true")
    if attributes:
        query.append(f"returnFaceAttributes={','.join(attributes)}")  # commas as they are, no blanks: it takes no other
    if "mask" in attributes:
        query.append("detectionModel=detection_03")
    if "qualityForRecognition" in attributes:
        query.append("recognitionModel=recognition_04")
    path = f"{base}/face/{version[1] if version else 'v1.0'}/detect"
    return address.copy_with(path=path, query="&".join(query).encode("ascii"))
