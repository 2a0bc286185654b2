"""The scoring server without a network: bodies, the room where faces are scored, and what the application refuses."""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.errors import ModelError
from workers.services.score_body import BYTES, JSON, BadBody, answer_of, crops_of
from workers.services.score_room import ScoringRoom
from workers.services.server import MOST_IN_HAND, ScoringApp, Served

FACE = np.arange(4096, dtype=np.uint8).reshape(64, 64)


class Brightness:
    """A scorer that tells faces apart: the first of the eight is the face's mean. Counts its runs."""

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.thread: int | None = None

    def __enter__(self) -> "Brightness":
        self.thread = threading.get_ident()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.thread == threading.get_ident()
        self.thread = None

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        assert self.thread == threading.get_ident(), "one instance serves one thread"
        self.runs.append(len(crops))
        scores = np.zeros((len(crops), 8), np.float32)
        scores[:, 0] = crops.mean((1, 2)) / 255
        return scores


class Blocked(Brightness):
    """Scores once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        self.begun.set()
        self.go.wait(30)
        return super().score(crops)


class Broken(Brightness):
    """Raises, or gives what is no score."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self._error = error

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        if self._error is not None:
            raise self._error
        return np.zeros((len(crops), 7), np.float32)


def body(data: Any) -> bytes:
    return json.dumps({"data": data}).encode()


def crops(*values: int) -> NDArray[np.uint8]:
    return np.stack([np.full((64, 64), value, np.uint8) for value in values])


@given(
    count=st.integers(1, 3),
    seed=st.integers(0, 99),
    write=st.sampled_from((int, float, lambda value: value + 0.25 - 0.5 * (value == 255))),
)
def test_json_holds_the_pixels_that_were_sent(count: int, seed: int, write: Callable[[int], float]) -> None:
    sent = np.random.default_rng(seed).integers(0, 256, (count, 64, 64), dtype=np.uint8)
    data = [[[[write(int(value)) for value in row] for row in face]] for face in sent]
    assert np.array_equal(crops_of(JSON, body(data)), sent)
    assert np.array_equal(crops_of(BYTES, sent.tobytes()), sent)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b'{"x":' + b"[" * 200_000, "no JSON"),
        (b"[]", "no faces"),
        (b"{}", "missing required field `data`"),
        (b'{"data": null}', "no faces"),
        (b'{"data": []}', "length >= 1"),
        (b'{"data": [[]]}', "length >= 1"),
        (body([[FACE[:63].tolist()]]), "length >= 64"),
        (body([[FACE[:, :63].tolist()]]), "length >= 64"),
        (body([[[*FACE.tolist(), [0] * 64]]]), "length <= 64"),
        (body([[FACE.tolist()] * 2]), "length <= 1"),
        (body(FACE.tolist()), "no faces"),
        (body([[[[256] * 64] * 64]]), "<= 255"),
        (body([[[[-1] * 64] * 64]]), ">= 0"),
        (body([[[["7"] * 64] * 64]]), "got `str`"),
        (body([[[[True] * 64] * 64]]), "got `bool`"),
        (body([[[[None] * 64] * 64]]), "got `null`"),
        (b'{"data": [[[[NaN]]]]}', "no JSON"),
        (b'{"data": [[[[1e999]]]]}', "no "),
        (body((FACE[None, None] / 255).tolist()), "between 0 and 1"),
    ],
)
def test_a_body_that_holds_no_faces_is_refused_with_the_reason(sent: bytes, said: str) -> None:
    with pytest.raises(BadBody, match=said) as refused:
        crops_of(JSON, sent)
    assert "0 to 255" in refused.value.hint


@pytest.mark.parametrize("size", [0, 1, 4095, 4097])
def test_bytes_that_are_no_whole_faces_are_refused(size: int) -> None:
    with pytest.raises(BadBody, match="no faces"):
        crops_of(BYTES, bytes(size))


def test_a_face_of_only_noughts_and_ones_is_a_face() -> None:
    assert crops_of(JSON, body(crops(1)[:, None].tolist())).max() == 1


def test_one_face_is_answered_flat_and_more_as_rows() -> None:
    one = json.loads(answer_of(np.full((1, 8), 0.125, np.float32), 0.5))
    assert one == {"result": [0.125] * 8, "time": 0.5}
    assert json.loads(answer_of(np.full((2, 8), 0.125, np.float32), 0.5))["result"] == [[0.125] * 8] * 2


def test_what_waits_is_scored_together_and_each_gets_its_own() -> None:
    blocked = Blocked()
    with ScoringRoom(lambda: blocked, 1, batch=16) as room:
        first = room.score(crops(1))
        assert blocked.begun.wait(30)
        waiting = [room.score(crops(*range(number, number + 2))) for number in range(0, 40, 2)]
        blocked.go.set()
        assert first.result(30)[0, 0] == pytest.approx(1 / 255)
        for number, one in zip(range(0, 40, 2), waiting, strict=True):
            assert one.result(30)[:, 0] * 255 == pytest.approx([number, number + 1], abs=1e-3)
    assert blocked.runs == [1, 16, 16, 8]


def test_singles_are_shared_fairly_among_the_threads_and_none_is_mixed_up() -> None:
    scorers: list[Brightness] = []

    def opened() -> Brightness:
        scorers.append(Brightness())
        return scorers[-1]

    with ScoringRoom(opened, 2) as room, ThreadPoolExecutor(8) as askers:
        values = [number % 256 for number in range(400)]
        scores = askers.map(lambda value: room.score(crops(value)).result(30)[0, 0], values)
        assert [round(float(score) * 255) for score in scores] == values
    assert len(scorers) == 2
    assert sum(sum(one.runs) for one in scorers) == 400


def test_what_nobody_waits_for_any_more_is_not_scored() -> None:
    blocked = Blocked()
    with ScoringRoom(lambda: blocked, 1, batch=1) as room:
        first, second = room.score(crops(1)), room.score(crops(2, 3))
        assert blocked.begun.wait(30)
        assert second.cancel()
        blocked.go.set()
        first.result(30)
    assert blocked.runs == [1]


def test_a_room_whose_model_does_not_load_says_why_and_leaves_no_thread() -> None:
    def missing() -> Brightness:
        raise ModelError("model.missing", "it is not here", "fetch it")

    before = threading.active_count()
    with pytest.raises(ModelError, match="not here"):
        ScoringRoom(missing, 3)
    assert threading.active_count() == before


class Asker:
    """An ASGI server's side of one request."""

    def __init__(self, app: ScoringApp, path: str = "/score", method: str = "POST", **headers: str) -> None:
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self._scope = {"type": "http", "path": path, "method": method, "headers": raw}
        self._app = app
        self._parts: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent: list[Any] = []

    async def ask(self, *parts: bytes, whole: bool = True) -> tuple[int, dict[str, str], Any]:
        for at, part in enumerate(parts or (b"",)):
            more = not whole or at + 1 < len(parts)
            self._parts.put_nowait({"type": "http.request", "body": part, "more_body": more})
        await self._app(self._scope, self._parts.get, self._send)
        start, *rest = self._sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, b"".join(one["body"] for one in rest)

    async def _send(self, message: Any) -> None:
        self._sent.append(message)


def app_on(scorer: Brightness, room: ScoringRoom | None = None, **options: Any) -> tuple[ScoringApp, ScoringRoom]:
    room = room or ScoringRoom(lambda: scorer, 1)
    return ScoringApp(room, Served("brightness", "0" * 64), **options), room


def test_a_body_that_never_ends_is_given_up_on() -> None:
    app, room = app_on(Brightness(), body_s=0.05)
    with room:
        status, headers, _ = asyncio.run(Asker(app, content_type=BYTES).ask(b"1234", whole=False))
    assert (status, headers["connection"]) == (408, "close")


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModelError("model.failed", "it failed", "verify it"), {"error": "it failed", "hint": "verify it"}),
        (ValueError("a secret of ours"), {"error": "the server failed", "hint": "its log says how"}),
        (None, {"error": "the scorer gave no 1 rows of 8 probabilities"}),
    ],
)
def test_a_scorer_that_fails_is_a_500_in_words_and_the_next_request_is_served(
    error: Exception | None, told: dict[str, str]
) -> None:
    app, room = app_on(Broken(error))
    with room:
        for _ in range(2):
            status, _, answer = asyncio.run(Asker(app, content_type=BYTES).ask(bytes(4096)))
            assert status == 500
            assert json.loads(answer).items() >= told.items()
            assert b"secret" not in answer
            assert b"Traceback" not in answer


def test_more_requests_than_can_be_held_are_told_to_come_again() -> None:
    blocked = Blocked()
    app, room = app_on(blocked)

    async def crowd() -> list[int]:
        asking = [asyncio.create_task(Asker(app, content_type=BYTES).ask(bytes(4096))) for _ in range(MOST_IN_HAND)]
        while not blocked.begun.is_set():
            await asyncio.sleep(0.01)
        status, headers, _ = await Asker(app, content_type=BYTES).ask(bytes(4096))
        assert (status, headers["retry-after"]) == (429, "1")
        blocked.go.set()
        return [(await one)[0] for one in asking]

    with room:
        assert asyncio.run(crowd()) == [200] * MOST_IN_HAND
        assert asyncio.run(Asker(app, content_type=BYTES).ask(bytes(4096)))[0] == 200


def test_who_hangs_up_half_way_is_sent_nothing() -> None:
    app, room = app_on(Brightness())
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/score", "method": "POST", "headers": []}
    with room:
        asyncio.run(app(scope, receive, send))
    assert sent == []
