"""The clients of services against real servers that behave as those services are known to: the right error for
whatever can go wrong with any of them, one request a call, and no key in anything that a person or a log could see.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from tests.services.azure import AzureRules, AzureStandIn
from tests.services.pairs import CANARY, PORTRAIT, SERVICES, SHORT_S, Pair, assert_silent, failure
from workers.services.azure import AzureFace
from workers.services.base import (
    Nonsense,
    Refused,
    ServiceError,
    Unavailable,
)


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


@pytest.mark.parametrize("name", ["azure", "ferplus"])
def test_an_answer_that_comes_by_drops_is_given_up_too(name: str, opened: Callable[..., Pair]) -> None:
    error = failure(opened(name, timeout_s=SHORT_S), "drip")
    assert type(error) is Unavailable
    assert error.call.transactions == 1


@pytest.mark.parametrize("name", SERVICES)
def test_one_client_serves_many_threads(name: str, opened: Callable[..., Pair]) -> None:
    pair = opened(name)
    with ThreadPoolExecutor(8) as pool:
        answers = [one.result() for one in [pool.submit(pair.call) for _ in range(24)]]
    assert len(answers) == pair.server.book.transactions == 24
    assert len({str(getattr(one, "faces", None) or one.scores) for one in answers}) == 1


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


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for this machine, which nobody but its file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    began = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "stand-in.pem"
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    file.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_a_certificate_is_looked_at_before_a_key_is_sent(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    server = stack.enter_context(AzureStandIn(AzureRules(keys=(CANARY,)), certificate=certificate))
    for variable in ("HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    address = server.url.replace("127.0.0.1", "localhost")
    with AzureFace(address, SecretStr(CANARY)) as stranger, pytest.raises(Refused) as refused:
        stranger.detect(PORTRAIT)
    assert refused.value.problem.code == "service.certificate"
    assert_silent(refused.value)
    assert not server.book.last
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with AzureFace(address, SecretStr(CANARY)) as client:
        assert len(client.detect(PORTRAIT).faces) == 1
