"""Amazon Rekognition, DetectFaces, by boto3 (extra `rekognition`), which finds credentials and the region by itself.
Its own retries are off: they would pass by the rate gate, and be paid for unseen.
"""

import logging
from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from workers.errors import SettingsError
from workers.services.base import Answer, BadPicture, PictureCard
from workers.services.limits import refuse_outsized
from workers.services.picture_size import seen_size
from workers.services.rekognition_answer import CREDENTIALS_HINT, TITLE, answer_of, checked, error_of, failure_of
from workers.services.wire import CONNECT_S

CARD = PictureCard(
    name="rekognition",
    title=TITLE,
    rate_per_s=5.0,
    usd_per_1000=Decimal("1.00"),
    never_gives=("contempt",),
    formats=("jpeg", "png"),
    max_bytes=5 * 2**20,
    min_side_px=80,
    max_faces=100,
    face_px=40,
)


class Rekognition:
    """DetectFaces of the account and region that boto3 finds. `attributes` beyond EMOTIONS are kept as JSON.

    Raises SettingsError where the extra is not installed or no region is set.
    """

    card = CARD

    def __init__(self, attributes: Sequence[str] = ("EMOTIONS",), timeout_s: float = 30.0) -> None:
        self._attributes = checked(attributes)
        self._client = _open(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._client.close()

    @property
    def account(self) -> tuple[str]:
        """Where it is called. Not by which key: those of the machines of one account differ, and change by the hour."""
        return (str(self._client.meta.endpoint_url),)

    def detect(self, picture: bytes) -> Answer:
        """The faces of one encoded picture, the largest first."""
        refuse_outsized(picture, self.card)
        size = seen_size(picture)
        if size is None:
            raise BadPicture("service.picture", f"{TITLE} takes JPEG and PNG only", "convert it to a JPEG first")
        if min(size) < self.card.min_side_px:
            reason = f"{TITLE} takes no picture of {size[0]} x {size[1]} pixels"
            raise BadPicture("service.picture", reason, f"both sides need at least {self.card.min_side_px}; exclude it")
        return answer_of(self._ask(picture), size, self._attributes)

    def _ask(self, picture: bytes) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = self._client.detect_faces(
                Image={"Bytes": picture}, Attributes=list(self._attributes)
            )
        except ClientError as error:
            failure = error_of(error.response)
        except (BotoCoreError, ResponseParserError) as error:
            failure = failure_of(type(error).__name__, str(error))
        else:
            return answer
        raise failure


def what_boto3_finds() -> tuple[str | None, str | None]:
    """The region, and by what method credentials are found (`env`, `shared-credentials-file`, ...); None of what there
    is not. No call of the service. Raises SettingsError where AWS's own settings are wrong.
    """
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session()
        region = session.region_name
        credentials = None if region is None else session.get_credentials()
    except BotoCoreError as error:
        raise SettingsError(f"boto3 cannot begin: {error}", CREDENTIALS_HINT) from None
    return region, None if credentials is None else str(credentials.method)


def _open(timeout_s: float) -> Any:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise SettingsError("boto3 is not installed", "run `pip install 'moodreel[rekognition]'`") from None
    # At debug level botocore logs whole requests: pictures of faces, and session tokens.
    botocore = logging.getLogger("botocore")
    botocore.setLevel(max(logging.INFO, botocore.getEffectiveLevel()))
    config = Config(
        connect_timeout=min(CONNECT_S, timeout_s),
        read_timeout=timeout_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
        user_agent_extra="moodreel",
        max_pool_connections=32,
    )
    try:
        return boto3.client("rekognition", config=config)
    except BotoCoreError as error:
        raise SettingsError(f"boto3 cannot begin: {error}", CREDENTIALS_HINT) from None
