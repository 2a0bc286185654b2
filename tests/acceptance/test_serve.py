"""`moodreel serve` as its clients meet it: the real command, spoken to over the network."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import httpx
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from tests.acceptance.folders import portrait, views
from tests.acceptance.runs import clean_environment, command, moodreel
from tests.support.programs import Program, Programs, await_true
from workers.analysis import ScorerSpec
from workers.models.catalogue import card_of
from workers.scoring.ferplus import FerPlus
from workers.services.ferplus_http import FerPlusHttp

LIMIT_MB = 0.5
BYTES = "application/octet-stream"


@dataclass
class Served:
    """A running server."""

    program: Program
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def serve(programs: Programs, name: str, *options: str) -> Served:
    """`moodreel serve` at a free port, once it says that it listens."""
    program = programs.start(name, command("serve", "--port", "0", *options), env=clean_environment())
    said = re.compile(r"at http://[\d.]+:(\d+)/score$", re.MULTILINE)
    await_true(lambda: said.search(program.tail()) is not None or program.code is not None, program.tail, 60)
    found = said.search(program.tail())
    assert found is not None, program.tail()
    return Served(program, int(found[1]))


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with Programs() as programs:
        served = serve(programs, "serve", "--threads", "2", "--max-body-mb", str(LIMIT_MB))
        yield served
        assert served.program.stop() == 0
        first, *rest = served.program.tail().splitlines()
        assert first.startswith("scoring with ferplus")
        assert set(rest) <= {"WARNING uvicorn.error Invalid HTTP request received."}  # of a length that is a lie


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def faces() -> NDArray[np.uint8]:
    """Gray uint8 [24, 64, 64]."""
    pictures = [cv2.cvtColor(next(views(number, 1)), cv2.COLOR_BGR2GRAY) for number in range(24)]
    return np.stack([cv2.resize(picture[:, 70:250], (64, 64)) for picture in pictures]).astype(np.uint8)


@pytest.fixture(scope="module")
def expected(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the local model says of them."""
    with FerPlus(ScorerSpec(), "cpu") as scorer:
        return scorer.score(faces)


def as_data(faces: NDArray[np.uint8]) -> bytes:
    return json.dumps({"data": faces[:, None].tolist()}).encode()


def post(client: httpx.Client, body: bytes, media_type: str = "application/json") -> httpx.Response:
    return client.post("/score", content=body, headers={"content-type": media_type})


class EmotionResult(msgspec.Struct, forbid_unknown_fields=True):
    """What the Go program of gbaeke/emotion reads an answer into: a flat list, and a number."""

    result: list[float]
    time: float


def test_the_well_known_go_program_gets_what_it_reads_for_what_it_sends(client: httpx.Client) -> None:
    """Its face crop is resized to 64 x 64, made gray by shifts (0 to 253) and marshalled as [1][1][64][64] integers."""
    blue, green, red = cv2.split(cv2.resize(portrait()[20:290, 100:370], (64, 64)))
    gray = (red >> 2) + (green >> 1) + (blue >> 2)
    assert gray.dtype == np.uint8
    assert gray.max() <= 253
    numbers = "],[".join(",".join(map(str, row)) for row in gray.tolist())
    reply = client.post(
        "/score",
        content=f'{{"data":[[[[{numbers}]]]]}}'.encode(),
        headers={"content-type": "application/json", "user-agent": "Go-http-client/1.1", "accept-encoding": "gzip"},
    )
    read = msgspec.json.decode(reply.content, type=EmotionResult)
    assert len(read.result) == 8
    assert sum(read.result) == pytest.approx(1)
    assert read.time > 0
    highest, at = 0.0, 0
    for number, value in enumerate(read.result):
        if value > highest:
            highest, at = value, number
    assert EMOTIONS[at] == "happiness"
    with FerPlus(ScorerSpec(), "cpu") as scorer:
        assert read.result == pytest.approx(scorer.score(gray[None])[0].tolist(), abs=1e-5)


@pytest.mark.parametrize("count", [1, 2, 24])
def test_faces_score_as_in_a_local_run_whether_sent_as_json_or_as_bytes(
    client: httpx.Client, faces: NDArray[np.uint8], expected: NDArray[np.float32], count: int
) -> None:
    for reply in (post(client, as_data(faces[:count])), post(client, faces[:count].tobytes(), BYTES)):
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
        result = np.array(reply.json()["result"], np.float32)
        assert result.shape == ((8,) if count == 1 else (count, 8))
        assert result == pytest.approx(expected[:count].reshape(result.shape), abs=1e-5)


def test_our_own_client_learns_how_many_faces_it_may_send_and_gets_their_scores(
    server: Served, faces: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    with FerPlusHttp(f"{server.url}/score") as service:
        most = service.faces_a_call()
        assert most == int(LIMIT_MB * 2**20) // (64 * 64 * 4 + 256)
        answer = service.score(faces)
        assert answer.scores == pytest.approx(expected, abs=1e-5)
        white = np.full((most, 64, 64), 255, np.uint8)
        assert service.score(white).scores is not None, "the largest batch that it asks for fits its own limit"


def test_it_says_that_it_is_well_and_what_it_scores_with(client: httpx.Client) -> None:
    home, health = client.get("/"), client.get("/health")
    assert (home.text, home.headers["content-type"]) == ("Healthy", "text/plain; charset=utf-8")
    assert re.fullmatch(r"moodreel/\d+\.\d+\.\S+", home.headers["server"])
    assert health.json().items() >= {"model": "ferplus", "sha256": card_of("ferplus").sha256}.items()
    head = client.head("/")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "7")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/score", b"{", {}, 400),
        ("POST", "/score", b'{"data": [[[[300]]]]}', {}, 400),
        ("POST", "/score", b"123", {"content-type": BYTES}, 400),
        ("POST", "/score", b"", {}, 400),
        ("POST", "/nothing", b"{}", {}, 404),
        ("GET", "/score", b"", {}, 405),
        ("POST", "/", b"{}", {}, 405),
        ("POST", "/score", bytes(2**20), {"content-type": BYTES}, 413),
        ("POST", "/score", b"a=b", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/score", b"\x1f\x8b", {"content-encoding": "gzip"}, 415),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words_with_a_hint(
    client: httpx.Client, method: str, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    reply = client.request(method, path, content=body, headers=headers)
    assert reply.status_code == status
    assert set(reply.json()) == {"error", "hint"}
    assert all(reply.json().values())
    assert reply.headers["server"].startswith("moodreel/")
    assert ("allow" in reply.headers) == (status == 405)


def test_a_body_of_unannounced_length_is_cut_off_at_the_limit(client: httpx.Client, faces: NDArray[np.uint8]) -> None:
    short = client.post("/score", content=iter([faces[0].tobytes()]), headers={"content-type": BYTES})
    assert short.status_code == 200
    endless = client.post("/score", content=(bytes(2**16) for _ in range(100)), headers={"content-type": BYTES})
    assert (endless.status_code, endless.headers["connection"]) == (413, "close")


def head(length: int, *more: str) -> bytes:
    """The head of a request for the scores of so many bytes."""
    lines = ("POST /score HTTP/1.1", "Host: x", f"Content-Type: {BYTES}", f"Content-Length: {length}", *more)
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def test_a_length_that_is_a_lie_hurts_nobody_else(server: Served, client: httpx.Client) -> None:
    """Too short, and the rest is no request; too long, and the sender hangs up before it has come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as liar:
        liar.sendall(head(4096) + b"x" * 8000 + b"\r\n\r\n")
        replies = b"".join(iter(lambda: liar.recv(65536), b""))
        assert re.findall(rb"HTTP/1.1 (\d+)", replies) == [b"200", b"400"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as liar:
        liar.sendall(head(9000) + b"x" * 8000)
        liar.shutdown(socket.SHUT_WR)
        assert liar.recv(1) == b""
    assert client.get("/").status_code == 200


def test_many_at_once_each_get_the_scores_of_their_own_face(
    server: Served, faces: NDArray[np.uint8], expected: NDArray[np.float32]
) -> None:
    limits = httpx.Limits(max_connections=12)
    numbers = [number % len(faces) for number in range(72)]
    with (
        httpx.Client(base_url=server.url, trust_env=False, timeout=60, limits=limits) as one,
        ThreadPoolExecutor(12) as askers,
    ):
        replies = list(askers.map(lambda number: post(one, as_data(faces[[number]])).json(), numbers))
    for number, reply in zip(numbers, replies, strict=True):
        assert reply["result"] == pytest.approx(expected[number].tolist(), abs=1e-5)
    assert all(np.abs(one - other).max() > 1e-4 for one, other in pairwise(expected)), "the faces differ"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_stop_lets_it_finish_what_it_has_in_hand(number: int, code: int) -> None:
    with Programs() as programs:
        served = serve(programs, "serve", "--threads", "1")
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as asker:
            asker.sendall(head(4096, "Expect: 100-continue"))
            assert asker.recv(1000).startswith(b"HTTP/1.1 100 ")
            served.program.send(number)
            await_true(lambda: not _listens(served), served.program.tail, 30)
            assert served.program.code is None
            asker.sendall(bytes(4096))
            reply = b"".join(iter(lambda: asker.recv(65536), b""))
        assert reply.startswith(b"HTTP/1.1 200 ")
        assert b'"result":[' in reply
        assert served.program.wait() == code
        assert len(served.program.tail().splitlines()) == 1


def _listens(served: Served) -> bool:
    try:
        socket.create_connection(("127.0.0.1", served.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scorer", "none"], "scores nothing on this machine"),
        (["--scorer", "nobody"], "there is no scorer"),
        (["--host", "no such host"], "nobody can listen at no such host"),
        (["--host", "192.0.2.1"], "nobody can listen at 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_said_with_a_hint(tmp_path: Path, options: list[str], said: str) -> None:
    ended = moodreel("serve", *options, cwd=tmp_path)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "hint:" in ended.err
    assert "Traceback" not in ended.err


def test_a_port_that_is_taken_is_said_so_and_check_tells_whether_one_answers(server: Served, tmp_path: Path) -> None:
    ended = moodreel("serve", "--port", str(server.port), cwd=tmp_path)
    assert (ended.code, "Address already in use" in ended.err) == (2, True)
    assert moodreel("serve", "--check", "--port", str(server.port), cwd=tmp_path).code == 0
    everywhere = ("--host", "0.0.0.0")  # noqa: S104  as the container is asked, which listens there
    assert moodreel("serve", "--check", *everywhere, "--port", str(server.port), cwd=tmp_path).code == 0
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    ended = moodreel("serve", "--check", "--port", str(port), cwd=tmp_path)
    assert (ended.code, "does not answer" in ended.err) == (3, True)
