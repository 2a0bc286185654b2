"""The client of Rekognition against its stand-in: right scores in right places, and a code for each exception."""

import io
import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from db.emotions import EMOTIONS
from tests.services.eyes import EYES
from tests.services.pairs import (
    PORTRAIT,
    Pair,
    azure_of,
    encoded,
    eyes,
    failure,
    portraits,
    rekognition_of,
)
from tests.services.server import StandIn
from workers.services.base import (
    Answer,
    BadPicture,
    Nonsense,
    Refused,
    ServiceError,
    Throttled,
    Unavailable,
)
from workers.services.rekognition import Rekognition


def seven(picture: bytes) -> NDArray[np.float64]:
    """What the local models say, without contempt."""
    rows = eyes(picture, 12).copy()
    rows[:, EMOTIONS.index("contempt")] = 0
    return rows / rows.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("unknown", [0.0, 30.0])
def test_rekognitions_faces_come_with_the_scores_of_their_own_places(
    stack: ExitStack, amazon: Callable[[StandIn], None], unknown: float
) -> None:
    server, client = rekognition_of(stack, amazon, unknown=unknown)
    picture = portraits(300, 600)
    faces = client.detect(picture).faces
    np.testing.assert_allclose([face.scores for face in faces], seven(picture), atol=1e-6)
    sight = EYES.look(picture)
    assert sight is not None
    for face, seen in zip(faces, sight.faces, strict=True):
        box = (seen.box_x, seen.box_y, seen.box_width, seen.box_height)
        np.testing.assert_allclose(face.box_xywh, box, atol=1e-6)
        assert face.confidence == pytest.approx(seen.confidence)
        aside = json.loads(face.attributes or "")["Emotions"]
        assert "CONFUSED" in aside
        assert aside.get("UNKNOWN", 0.0) == unknown
    assert server.book.last[0].headers["x-amz-target"] == "RekognitionService.DetectFaces"


def boxes(answer: Answer) -> NDArray[np.float64]:
    return np.array([face.box_xywh for face in answer.faces])


def test_boxes_of_a_turned_photo_are_where_a_person_sees_them(
    stack: ExitStack, amazon: Callable[[StandIn], None]
) -> None:
    _, rekognition = rekognition_of(stack, amazon)
    _, azure = azure_of(stack)
    with Image.open(io.BytesIO(PORTRAIT)) as portrait:
        upright = portrait.convert("RGB").crop((0, 0, portrait.width, portrait.height * 3 // 4))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(upright.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95)
    straight = encoded(upright, quality=95)
    for client in (azure, rekognition):
        np.testing.assert_allclose(boxes(client.detect(turned)), boxes(client.detect(straight)), atol=4)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("provisioned", Throttled, "service.throttled"),
        ("throttling", Throttled, "service.throttled"),
        ("unavailable", Throttled, "service.throttled"),
        ("internal", Unavailable, "service.unavailable"),
        ("denied", Refused, "service.denied"),
        ("expired", Refused, "service.key"),
        ("signature", Refused, "service.key"),
        ("too-large", BadPicture, "service.picture"),
        ("format", BadPicture, "service.picture"),
        ("parameter", BadPicture, "service.picture"),
        ("no-details", Nonsense, "service.nonsense"),
    ],
)
def test_every_exception_of_rekognition_has_its_code(
    opened: Callable[..., Pair], fault: str, kind: type[ServiceError], code: str
) -> None:
    error = failure(opened("rekognition"), fault)
    assert type(error) is kind
    assert error.problem.code == code
    if isinstance(error, Throttled):
        assert error.retry_after_s is None


def test_rekognition_without_the_right_credentials_or_any_is_refused(
    stack: ExitStack, amazon: Callable[[StandIn], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, client = rekognition_of(stack, amazon, access_keys=("AKIASOMEBODYELSE",))
    with pytest.raises(Refused) as refused:
        client.detect(PORTRAIT)
    assert refused.value.problem.code == "service.key"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with Rekognition() as nobody, pytest.raises(Refused) as refused:
        nobody.detect(PORTRAIT)
    assert refused.value.problem.code == "service.key"
    assert "AWS_PROFILE" in refused.value.problem.hint
    assert server.book.calls == 0


def test_pictures_that_rekognition_would_not_take_are_not_even_sent(
    stack: ExitStack, amazon: Callable[[StandIn], None]
) -> None:
    server, client = rekognition_of(stack, amazon)
    small = encoded(Image.new("RGB", (200, 79)))
    for picture in (b"GIF89a" + b"x" * 2000, small, PORTRAIT + bytes(5 * 2**20)):
        with pytest.raises(BadPicture):
            client.detect(picture)
    assert not server.book.last
