"""The clients of services against real servers that behave as those services are known to: right scores, the right
error for everything that can go wrong, one request a call, and no key in anything that a person or a log could see.
"""

import io
import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import SecretStr

from db.emotions import EMOTIONS
from tests.services.azure import AzureRules, AzureStandIn
from tests.services.eyes import EYES
from tests.services.ferplus import FerPlusRules, FerPlusStandIn
from tests.services.rekognition import RekognitionRules, RekognitionStandIn
from tests.services.server import StandIn
from tests.support.programs import Programs, await_true
from workers.services.azure import AzureFace, attributes_of
from workers.services.base import (
    Answer,
    BadPicture,
    Nonsense,
    Refused,
    ServiceError,
    Throttled,
    Unavailable,
)
from workers.services.ferplus_http import FerPlusHttp
from workers.services.rekognition import Rekognition

ROOT = Path(__file__).parents[2]
PORTRAIT = (ROOT / "jobs" / "demo" / "portrait.jpg").read_bytes()
CANARY = "canary-of-a-key-that-nobody-may-see"
SHORT_S = 0.4
SERVICES = ("azure", "container", "ferplus", "rekognition")


class Pair(NamedTuple):
    """A service, and one call of its client."""

    server: StandIn
    call: Callable[[], Any]


def encoded(picture: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, form, **options)
    return written.getvalue()


def portraits(*heights: int) -> bytes:
    """The portrait several times in a row, at several sizes."""
    with Image.open(io.BytesIO(PORTRAIT)) as opened:
        each = [opened.convert("RGB").resize((opened.width * high // opened.height, high)) for high in heights]
    sheet = Image.new("RGB", (sum(one.width for one in each), max(heights)), "gray")
    at = 0
    for one in each:
        sheet.paste(one, (at, 0))
        at += one.width
    return encoded(sheet, quality=95)


def noise(count: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, 64, 64)).astype(np.uint8)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Callable[[StandIn], None]:
    """Points this process's boto3 at a server."""

    def point(server: StandIn) -> None:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL_REKOGNITION", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", RekognitionRules().access_keys[0])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        monkeypatch.setenv("AWS_SESSION_TOKEN", CANARY)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")  # ours has to win over it
        monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")

    return point


@pytest.fixture
def opened(stack: ExitStack, amazon: Callable[[StandIn], None]) -> Callable[..., Pair]:
    """Opens one of SERVICES and its client, which gives up early where a test says so."""

    def open_pair(name: str, timeout_s: float = 30.0) -> Pair:
        if name == "ferplus":
            server: StandIn = stack.enter_context(FerPlusStandIn())
            crops = stack.enter_context(FerPlusHttp(server.url, timeout_s))
            return Pair(server, lambda: crops.score(noise()))
        if name == "rekognition":
            server = stack.enter_context(RekognitionStandIn())
            amazon(server)
            theirs = stack.enter_context(Rekognition(timeout_s=timeout_s))
            return Pair(server, lambda: theirs.detect(PORTRAIT))
        in_container = name == "container"
        server = stack.enter_context(AzureStandIn(AzureRules(keys=(CANARY,), container=in_container)))
        key = None if in_container else SecretStr(CANARY)
        faces = stack.enter_context(AzureFace(server.url, key, timeout_s=timeout_s))
        return Pair(server, lambda: faces.detect(PORTRAIT))

    return open_pair


def failure(pair: Pair, fault: str) -> ServiceError:
    """The error of one call that meets a fault, having looked that it is one call and shows no key."""
    pair.server.rules.next = [fault]
    before = pair.server.book.calls
    with pytest.raises(ServiceError) as failed:
        pair.call()
    assert pair.server.book.calls == before + 1, "a client repeats nothing by itself"
    assert_silent(failed.value)
    assert failed.value.problem.reason
    assert failed.value.problem.hint
    return failed.value


def assert_silent(error: BaseException) -> None:
    """The canary is in no text of an error, nor of its causes, nor in any variable of the frames it came through."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    texts = ["".join(told.format()), repr(error), str(vars(error))]
    assert CANARY not in "\n".join(texts)
    seen: BaseException | None = error
    while seen is not None:
        assert type(seen).__module__.partition(".")[0] not in ("httpx", "httpcore", "botocore"), "it holds the request"
        seen = seen.__cause__ or seen.__context__


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    ("fault", "kind", "known", "unclear"),
    [
        ("reset-early", Unavailable, 0, True),
        ("reset", Unavailable, 0, True),
        ("not-json", Nonsense, 1, False),
        ("gateway", Unavailable, 0, None),
    ],
)
def test_a_call_that_goes_wrong_on_the_wire_is_one_error(
    name: str, fault: str, kind: type[ServiceError], known: int, unclear: bool | None, opened: Callable[..., Pair]
) -> None:
    error = failure(opened(name), fault)
    assert type(error) is kind
    assert error.call.transactions == known
    assert unclear is None or error.call.sent is unclear


@pytest.mark.parametrize("name", SERVICES)
def test_half_an_answer_is_no_answer_and_may_have_been_billed(name: str, opened: Callable[..., Pair]) -> None:
    pair = opened(name)
    error = failure(pair, "half")
    assert type(error) is (Nonsense if name == "rekognition" else Unavailable), "boto3 does not count what it reads"
    assert pair.server.book.transactions == 1
    assert error.call.transactions == 1 or error.call.sent


@pytest.mark.parametrize("name", ["azure", "container", "ferplus"])
@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("empty", Nonsense, "service.nonsense"),
        ("truncated", Nonsense, "service.nonsense"),
        ("huge", Nonsense, "service.nonsense"),
        ("redirect", Refused, "service.endpoint"),
    ],
)
def test_an_answer_that_is_none_is_told_from_one_that_says_no(
    name: str, fault: str, kind: type[ServiceError], code: str, opened: Callable[..., Pair]
) -> None:
    error = failure(opened(name), fault)
    assert type(error) is kind
    assert error.problem.code == code


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_does_not_answer_in_time_is_given_up(name: str, opened: Callable[..., Pair]) -> None:
    error = failure(opened(name, timeout_s=SHORT_S), "hang")
    assert type(error) is Unavailable
    assert error.sent
    assert error.problem.code == "service.unavailable"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_not_there_was_sent_nothing(name: str, opened: Callable[..., Pair]) -> None:
    pair = opened(name)
    pair.server.stop()
    pair.server.stop = lambda: None  # type: ignore[method-assign]  # it has stopped
    with pytest.raises(Unavailable) as failed:
        pair.call()
    assert not failed.value.sent
    assert failed.value.problem.code == "service.unavailable"
    assert_silent(failed.value)


@pytest.mark.parametrize("name", SERVICES)
def test_any_2xx_is_success_and_calls_share_connections(name: str, opened: Callable[..., Pair]) -> None:
    pair = opened(name)
    pair.server.rules.fine_status = 200 if name == "rekognition" else 299
    answers = [pair.call() for _ in range(3)]
    assert {one.status for one in answers} == {pair.server.rules.fine_status}
    assert [one.transactions for one in answers] == [1, 1, 1]
    assert pair.server.book.transactions == pair.server.book.calls == 3
    assert answers[0].request_id


@pytest.mark.parametrize("name", SERVICES)
def test_no_key_is_logged_at_any_level(
    name: str, opened: Callable[..., Pair], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    pair = opened(name)
    pair.call()
    for fault in ("429" if name != "rekognition" else "denied", "reset", "half", "not-json"):
        failure(pair, fault)
    said = "\n".join([caplog.text, *(str(record.__dict__) for record in caplog.records), *capfd.readouterr()])
    assert CANARY not in said
    assert "Sending http request" not in said, "botocore shows whole requests, pictures and tokens and all"


# Azure


def eyes(picture: bytes, rounding: int = 3) -> NDArray[np.float64]:
    """What the local models say of a picture's faces, the largest first, as probabilities after rounding."""
    sight = EYES.look(picture)
    assert sight is not None
    rows = np.round(sight.scores.astype(np.float64), rounding)
    return rows / rows.sum(axis=1, keepdims=True)


def azure_of(stack: ExitStack, attributes: str = "emotion", **rules: Any) -> tuple[AzureStandIn, AzureFace]:
    server = stack.enter_context(AzureStandIn(AzureRules(keys=(CANARY,), **rules)))
    return server, stack.enter_context(AzureFace(server.url, SecretStr(CANARY), attributes_of(attributes)))


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
    answer = client.detect(encoded(Image.effect_noise((200, 200), 40)))
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


# Rekognition


def rekognition_of(
    stack: ExitStack, amazon: Callable[[StandIn], None], **rules: Any
) -> tuple[RekognitionStandIn, Rekognition]:
    server = stack.enter_context(RekognitionStandIn(RekognitionRules(**rules)))
    amazon(server)
    return server, stack.enter_context(Rekognition())


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


# A scoring container


def ferplus_of(stack: ExitStack, **rules: Any) -> tuple[FerPlusStandIn, FerPlusHttp]:
    server = stack.enter_context(FerPlusStandIn(FerPlusRules(**rules)))
    return server, stack.enter_context(FerPlusHttp(server.url))


@pytest.mark.parametrize("wrapped", ["object", "string"])
@pytest.mark.parametrize("result", ["probabilities", "logits"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_containers_scores_are_the_local_ones_in_every_shape(
    stack: ExitStack, wrapped: str, result: str, nested: bool
) -> None:
    _, client = ferplus_of(stack, wrapped=wrapped, result=result, nested=nested, time_name="time_in_sec")
    crops = noise()
    answer = client.score(crops)
    np.testing.assert_allclose(answer.scores, EYES.score(crops), atol=1e-5)


@pytest.mark.parametrize("result", ["label", "label-nested"])
def test_a_container_that_gives_names_only_gives_no_probabilities(stack: ExitStack, result: str) -> None:
    _, client = ferplus_of(stack, result=result)
    crops = noise()
    answer = client.score(crops)
    assert answer.scores is None
    assert json.loads(answer.attributes[0] or "") == {"label": EMOTIONS[int(EYES.score(crops)[0].argmax())]}


def test_a_foreign_container_gets_one_face_a_call_as_its_protocol_has_it(stack: ExitStack) -> None:
    server, client = ferplus_of(stack)
    assert client.faces_a_call() == 1
    assert client.faces_a_call() == 1
    client.score(noise())
    assert [(one.method, one.path) for one in server.book.last] == [("GET", "/"), ("POST", "/score")]
    assert server.book.last[-1].headers["content-type"] == "application/json"
    assert server.book.calls == 1, "asking what it takes is no rated call"


@pytest.mark.parametrize(("says", "faces"), [(True, 64), (False, 16)])
def test_our_own_container_gets_many_faces_a_call_in_their_order(stack: ExitStack, says: bool, faces: int) -> None:
    _, client = ferplus_of(stack, server="moodreel/0.1", faces=64, says_faces=says)
    assert client.faces_a_call() == faces
    for count in (1, 8, faces):
        crops = noise(count)
        answer = client.score(crops)
        np.testing.assert_allclose(answer.scores, EYES.score(crops), atol=1e-5)
        assert answer.transactions == 1
        assert len(answer.attributes) == count


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("crash", Unavailable, "service.failed"),
        ("error", Unavailable, "service.failed"),
        ("timeout", Unavailable, "service.unavailable"),
        ("503", Unavailable, "service.unavailable"),
        ("429", Throttled, "service.throttled"),
        ("400", Refused, "service.request"),
        ("413", Refused, "service.request"),
        ("415", Refused, "service.request"),
        ("401", Refused, "service.key"),
        ("seven", Nonsense, "service.nonsense"),
        ("unknown-label", Nonsense, "service.nonsense"),
        ("neither", Nonsense, "service.nonsense"),
    ],
)
def test_every_failure_of_a_container_has_its_code(
    opened: Callable[..., Pair], fault: str, kind: type[ServiceError], code: str
) -> None:
    error = failure(opened("ferplus"), fault)
    assert type(error) is kind
    assert error.problem.code == code


def test_a_container_at_another_path_is_found_there_and_missed_elsewhere(stack: ExitStack) -> None:
    server, _ = ferplus_of(stack)
    with FerPlusHttp(f"{server.url}/score") as right, FerPlusHttp(f"{server.url}/v2/predict") as wrong:
        assert right.score(noise()).scores is not None
        assert wrong.faces_a_call() == 1
        with pytest.raises(Refused) as refused:
            wrong.score(noise())
    assert refused.value.problem.code == "service.endpoint"


# The environment, and the stand-ins themselves


@pytest.mark.parametrize("name", ["azure", "ferplus"])
def test_plain_http_goes_through_no_proxy_and_reads_no_netrc(
    name: str, opened: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    pair = opened(name)
    pair.call()
    assert "authorization" not in pair.server.book.last[-1].headers


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 403, "missing approval"),
        ("returnFaceId=true", 403, "missing approval"),
        ("returnFaceId=false", 200, ""),
        ("returnFaceId=False&overload=stream", 200, ""),
        ("returnFaceId=maybe", 400, "'returnFaceId' is invalid."),
        ("returnFaceId=false&returnFaceAttributes=age,%20gender", 400, "Invalid argument returnFaceAttributes."),
        ("returnFaceId=false&returnFaceAttributes=boredom", 400, "Invalid argument returnFaceAttributes."),
        ("returnFaceId=false&returnFaceAttributes=HEADPOSE", 200, ""),
        ("returnFaceId=false&detectionModel=detection_02&returnFaceAttributes=age", 400, "supported by detection_02"),
        ("returnFaceId=false&detectionModel=detection_02&returnFaceLandmarks=true", 400, "'returnLandmarks' is not"),
        ("returnFaceId=false&detectionModel=detection_03&returnFaceAttributes=emotion", 400, "'headpose,mask,"),
        ("returnFaceId=false&detectionModel=detection_03&returnFaceAttributes=blur", 200, ""),
        ("returnFaceId=false&detectionModel=detection_04", 400, "'detectionModel' is invalid."),
        ("returnFaceId=false&recognitionModel=recognition_05", 400, "'recognitionModel' is invalid."),
        ("returnFaceId=false&returnFaceAttributes=qualityForRecognition", 400, "recognition_01"),
    ],
)
def test_the_stand_in_takes_what_azure_takes(stack: ExitStack, query: str, status: int, message: str) -> None:
    server, _ = azure_of(stack)
    headers = {"content-type": "application/octet-stream", "Ocp-Apim-Subscription-Key": CANARY}
    url = f"{server.url}/face/v1.0/detect?{query}"
    answer = httpx.post(url, content=PORTRAIT, headers=headers, trust_env=False)
    assert answer.status_code == status
    assert message in answer.text


def test_the_stand_in_grants_its_rate_over_any_second_and_no_more(stack: ExitStack) -> None:
    server = AzureStandIn(AzureRules(per_second=2))
    waits = [server._claim(at_s) for at_s in (10.0, 10.5, 10.9, 11.0, 11.4, 11.5)]
    assert waits == pytest.approx([0, 0, 0.1, 0, 0.1, 0])
    stack.enter_context(server)  # so that it ends


def test_a_stand_in_is_a_process_too_with_rules_and_books_over_the_wire() -> None:
    with Programs() as programs:
        rules = json.dumps({"container": True, "per_minute": 1})
        command = [sys.executable, "-m", "tests.services.azure", "--rules", rules]
        program = programs.start("azure", command, cwd=ROOT)
        await_true(lambda: program.out.read_text("utf-8").endswith("\n"), program.tail, 60)
        url = program.out.read_text("utf-8").strip()
        with AzureFace(url, None) as client:
            assert len(client.detect(PORTRAIT).faces) == 1
            with pytest.raises(Throttled):
                client.detect(PORTRAIT)
            httpx.post(f"{url}/_stand_in/rules", json={"per_minute": None}, trust_env=False).raise_for_status()
            client.detect(PORTRAIT)
        book = httpx.get(f"{url}/_stand_in/book", trust_env=False).json()
        assert (book["calls"], book["transactions"], book["refusals"], book["errors"]) == (3, 2, 1, [])
        assert book["most_in_a_second"] >= 1
        assert program.stop() == 0
