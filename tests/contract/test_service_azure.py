"""The client of Azure Face against its stand-in: right scores, right questions, one error for each refusal."""

import io
import json
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr

from tests.services.azure import AzureRules, AzureStandIn
from tests.services.eyes import EYES
from tests.services.pairs import (
    CANARY,
    PORTRAIT,
    Pair,
    assert_silent,
    azure_of,
    encoded,
    eyes,
    failure,
    noise,
    portraits,
)
from tests.services.rekognition import RekognitionStandIn
from tests.services.server import StandIn
from workers.services.azure import AzureFace
from workers.services.base import (
    BadPicture,
    Refused,
    ServiceError,
    Throttled,
    Unavailable,
)
from workers.services.rekognition import Rekognition


@pytest.mark.parametrize("heights", [(600,), (300, 600, 450)])
def test_azures_faces_come_with_the_scores_of_their_own_places(stack: ExitStack, heights: tuple[int, ...]) -> None:
    _, client = azure_of(stack)
    picture = portraits(*heights)
    faces = client.detect(picture).faces
    assert len(faces) == len(heights)
    sizes = [face.box_xywh[3] for face in faces]
    assert sizes == sorted(sizes, reverse=True)
    np.testing.assert_allclose([face.scores for face in faces], eyes(picture), atol=2e-3)
    assert all(sum(face.scores or ()) == pytest.approx(1, abs=1e-12) for face in faces)


def test_azure_is_asked_once_for_what_is_wanted_and_never_for_an_id(stack: ExitStack) -> None:
    server, client = azure_of(stack, "emotion,headPose,Accessories")
    (face,) = client.detect(PORTRAIT).faces
    (asked,) = server.book.last
    assert (asked.method, asked.path) == ("POST", "/face/v1.0/detect")
    assert asked.query == "returnFaceId=false&returnFaceAttributes=emotion,headPose,accessories"
    assert asked.headers["content-type"] == "application/octet-stream"
    assert asked.headers["ocp-apim-subscription-key"] == CANARY
    assert asked.body_bytes == len(PORTRAIT)
    assert set(json.loads(face.attributes or "")) == {"headPose", "accessories"}


def test_a_container_is_sent_no_key_and_one_that_names_its_path_is_understood(stack: ExitStack) -> None:
    server = stack.enter_context(AzureStandIn(AzureRules(container=True)))
    for address in (server.url, f"{server.url}/", f"{server.url}/face/v1.0", f"{server.url}/face/v1.0/detect"):
        with AzureFace(address, None) as client:
            assert len(client.detect(PORTRAIT).faces) == 1
    assert {asked.path for asked in server.book.last} == {"/face/v1.0/detect"}
    assert not any("ocp-apim-subscription-key" in asked.headers for asked in server.book.last)


def test_a_mask_and_a_quality_are_asked_of_the_models_that_know_them(stack: ExitStack) -> None:
    _, client = azure_of(stack, "mask,qualityForRecognition")
    (face,) = client.detect(PORTRAIT).faces
    assert face.scores is None
    assert set(json.loads(face.attributes or "")) == {"mask", "qualityForRecognition"}


@pytest.mark.parametrize("attributes", ["", "age,gender,smile,facialHair,glasses,hair,makeup,occlusion,blur,noise"])
def test_without_emotion_there_are_faces_and_no_scores(stack: ExitStack, attributes: str) -> None:
    _, client = azure_of(stack, attributes)
    (face,) = client.detect(PORTRAIT).faces
    assert face.scores is None
    assert bool(face.attributes) is bool(attributes)


def test_landmarks_are_the_persons_right_first(stack: ExitStack, amazon: Callable[[StandIn], None]) -> None:
    server, _ = azure_of(stack)
    sight = EYES.look(PORTRAIT)
    assert sight is not None
    azure = stack.enter_context(AzureFace(server.url, SecretStr(CANARY), landmarks=True))
    theirs = stack.enter_context(RekognitionStandIn())
    amazon(theirs)
    rekognition = stack.enter_context(Rekognition())
    for client in (azure, rekognition):
        (face,) = client.detect(PORTRAIT).faces
        np.testing.assert_allclose(face.landmarks, sight.faces[0].landmarks, atol=0.06)


def test_a_picture_without_faces_has_none_and_is_billed(stack: ExitStack) -> None:
    _, client = azure_of(stack)
    answer = client.detect(encoded(Image.fromarray(noise()[0]).resize((200, 200))))
    assert (answer.faces, answer.transactions) == ((), 1)


def test_fewer_faces_than_were_sent_are_no_error(stack: ExitStack) -> None:
    _, client = azure_of(stack)
    answer = client.detect(portraits(600, 45))
    assert len(answer.faces) == 1


@pytest.mark.parametrize("envelope", ["nested", "flat"])
def test_emotion_that_was_withdrawn_is_explained_and_refused_for_good(stack: ExitStack, envelope: str) -> None:
    server, client = azure_of(stack, emotion="withdrawn", envelope=envelope)
    with pytest.raises(Refused, match="Microsoft withdrew emotion") as refused:
        client.detect(PORTRAIT)
    assert refused.value.problem.code == "service.withdrawn"
    assert "--scorer ferplus" in refused.value.problem.hint
    assert server.book.transactions == 0
    assert_silent(refused.value)


def test_attributes_that_are_left_are_still_given(stack: ExitStack) -> None:
    _, client = azure_of(stack, "headPose,glasses", emotion="withdrawn")
    assert len(client.detect(PORTRAIT).faces) == 1


def test_a_wrong_key_is_said_so_and_shown_nowhere(stack: ExitStack) -> None:
    server = stack.enter_context(AzureStandIn())
    client = stack.enter_context(AzureFace(server.url, SecretStr(CANARY)))
    with pytest.raises(Refused) as refused:
        client.detect(PORTRAIT)
    assert refused.value.problem.code == "service.key"
    assert_silent(refused.value)
    assert server.book.calls == 0


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("echo-key", Refused, "service.key"),
        ("401-old", Refused, "service.key"),
        ("quota", Refused, "service.quota"),
        ("multi-service", Refused, "service.denied"),
        ("500", Unavailable, "service.unavailable"),
        ("503", Unavailable, "service.unavailable"),
        ("408", Unavailable, "service.unavailable"),
    ],
)
def test_what_azure_says_no_with_has_its_code(
    opened: Callable[..., Pair], fault: str, kind: type[ServiceError], code: str
) -> None:
    error = failure(opened("azure"), fault)
    assert type(error) is kind
    assert error.problem.code == code


def test_an_endpoint_that_is_another_service_is_said_so(stack: ExitStack) -> None:
    server, _ = azure_of(stack)
    client = stack.enter_context(AzureFace(f"{server.url}/vision", SecretStr(CANARY)))
    with pytest.raises(Refused) as refused:
        client.detect(PORTRAIT)
    assert refused.value.problem.code == "service.endpoint"


@pytest.mark.parametrize("throttle", ["f0", "s0", "docs", "old", "bare"])
@pytest.mark.parametrize("header", ["", "seconds", "date", "ms", "x-ms"])
def test_a_call_too_many_is_throttled_in_all_its_shapes(stack: ExitStack, throttle: str, header: str) -> None:
    server, client = azure_of(stack, per_minute=1, throttle=throttle, retry_after=header)
    client.detect(PORTRAIT)
    with pytest.raises(Throttled) as throttled:
        client.detect(PORTRAIT)
    assert throttled.value.problem.code == "service.throttled"
    wait_s = throttled.value.retry_after_s
    if header or throttle in ("f0", "s0", "bare"):
        assert wait_s is not None
        assert 1 <= wait_s <= 60
    else:
        assert wait_s is None
    assert (server.book.calls, server.book.refusals, server.book.transactions) == (2, 1, 1)


@pytest.mark.parametrize("status", [400, 413])
def test_a_picture_that_is_too_large_for_the_service_is_that_pictures_fault(stack: ExitStack, status: int) -> None:
    _, client = azure_of(stack, most_bytes=5000, too_big_status=status)
    with pytest.raises(BadPicture) as bad:
        client.detect(PORTRAIT)
    assert bad.value.problem.code == "service.picture"
    assert bad.value.problem.permanent


def test_a_picture_beyond_the_limits_is_not_even_sent(stack: ExitStack) -> None:
    server, client = azure_of(stack)
    for picture in (b"x" * 1023, b"x" * (6 * 2**20 + 1)):
        with pytest.raises(BadPicture):
            client.detect(picture)
    assert not server.book.last


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_pictures_of_every_format_on_the_card_are_taken_and_of_no_other(stack: ExitStack, form: str) -> None:
    _, client = azure_of(stack)
    with Image.open(io.BytesIO(PORTRAIT)) as portrait:
        picture = encoded(portrait, form)
    if form.lower() in client.card.formats:
        assert len(client.detect(picture).faces) == 1
    else:
        with pytest.raises(BadPicture):
            client.detect(picture)
