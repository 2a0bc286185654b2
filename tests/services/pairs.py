"""Clients of services and the stand-ins they call, as tests open them; and what no error may ever show."""

import io
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import SecretStr

from workers.services.azure import AzureFace, attributes_of
from workers.services.base import ServiceError
from workers.services.ferplus_http import FerPlusHttp
from workers.services.rekognition import Rekognition

from .azure import AzureRules, AzureStandIn
from .eyes import EYES
from .ferplus import FerPlusRules, FerPlusStandIn
from .rekognition import RekognitionRules, RekognitionStandIn
from .server import StandIn

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


def eyes(picture: bytes, rounding: int = 3) -> NDArray[np.float64]:
    """What the local models say of a picture's faces, the largest first, as probabilities after rounding."""
    sight = EYES.look(picture)
    assert sight is not None
    rows = np.round(sight.scores.astype(np.float64), rounding)
    return rows / rows.sum(axis=1, keepdims=True)


def azure_of(stack: ExitStack, attributes: str = "emotion", **rules: Any) -> tuple[AzureStandIn, AzureFace]:
    server = stack.enter_context(AzureStandIn(AzureRules(keys=(CANARY,), **rules)))
    return server, stack.enter_context(AzureFace(server.url, SecretStr(CANARY), attributes_of(attributes)))


def rekognition_of(
    stack: ExitStack, amazon: Callable[[StandIn], None], **rules: Any
) -> tuple[RekognitionStandIn, Rekognition]:
    server = stack.enter_context(RekognitionStandIn(RekognitionRules(**rules)))
    amazon(server)
    return server, stack.enter_context(Rekognition())


def ferplus_of(stack: ExitStack, **rules: Any) -> tuple[FerPlusStandIn, FerPlusHttp]:
    server = stack.enter_context(FerPlusStandIn(FerPlusRules(**rules)))
    return server, stack.enter_context(FerPlusHttp(server.url))
