"""Fetching a model from a real HTTP server: what arrives whole is used, anything else leaves nothing behind."""

import hashlib
import multiprocessing
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.fileserver import Behaviour, serving
from workers.errors import ModelError
from workers.models.catalogue import ModelCard, Origin, card_of
from workers.models.download import Patience
from workers.models.fetch import fetch
from workers.models.status import Presence, verify

MODEL = np.random.default_rng(0).integers(0, 256, 900_000, np.uint8).tobytes()
PAGE = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
QUICK = Patience(attempts=3, pause_s=0.0, connect_s=2.0, read_s=2.0)


def card(url: str, content: bytes = MODEL) -> ModelCard:
    return ModelCard(
        name="test-model",
        purpose="a test",
        file="model.onnx",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="MIT",
        origin=Origin.DOWNLOAD,
        source=url,
    )


@pytest.fixture
def server() -> Iterator[tuple[Behaviour, ModelCard]]:
    behaviour = Behaviour(MODEL)
    with serving(behaviour) as url:
        yield behaviour, card(url)


Server = tuple[Behaviour, ModelCard]


def refused(act: Callable[[], object], code: str) -> ModelError:
    with pytest.raises(ModelError) as caught:
        act()
    assert caught.value.problem.code == code
    assert caught.value.problem.reason
    assert caught.value.problem.hint
    return caught.value


def left(folder: Path) -> set[str]:
    """What lies in the folder, lock files apart."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def interrupted(server: Server, folder: Path, at: int = 400_000) -> None:
    """A fetch that breaks off for good after `at` bytes."""
    behaviour, model = server
    behaviour.cut_at, behaviour.ranges = at, False
    refused(lambda: fetch(model, folder, patience=QUICK), "model.unreachable")
    behaviour.cut_at, behaviour.ranges = None, True
    behaviour.asked.clear()


def test_a_model_arrives_whole_and_is_verified(server: Server, tmp_path: Path) -> None:
    behaviour, model = server
    heard: list[tuple[int, int]] = []
    path = fetch(model, tmp_path / "cache", lambda done, total: heard.append((done, total)))
    assert path == tmp_path / "cache" / "model.onnx"
    assert path.read_bytes() == MODEL
    assert left(tmp_path / "cache") == {"model.onnx"}
    assert heard[-1] == (len(MODEL), len(MODEL))
    assert heard == sorted(heard)
    assert verify(model, tmp_path / "cache").presence is Presence.PRESENT
    assert len(behaviour.asked) == 1


def test_a_model_that_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    behaviour, model = server
    fetch(model, tmp_path)
    fetch(model, tmp_path)
    assert len(behaviour.asked) == 1


def test_a_damaged_model_in_its_place_is_replaced(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(PAGE)
    assert verify(server[1], tmp_path).presence is Presence.DAMAGED
    assert fetch(server[1], tmp_path).read_bytes() == MODEL


def test_a_redirect_is_followed(tmp_path: Path) -> None:
    with serving(Behaviour(MODEL)) as elsewhere, serving(Behaviour(b"", location=elsewhere)) as url:
        assert fetch(card(url), tmp_path).read_bytes() == MODEL


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    assert (tmp_path / "model.onnx.part").stat().st_size == 400_000
    assert not (tmp_path / "model.onnx").exists()
    assert fetch(server[1], tmp_path).read_bytes() == MODEL
    assert [(asked["range"], asked["if-range"]) for asked in server[0].asked] == [("bytes=400000-", '"v1"')]
    assert left(tmp_path) == {"model.onnx"}


def test_a_connection_that_breaks_again_and_again_is_resumed_within_one_fetch(server: Server, tmp_path: Path) -> None:
    behaviour, model = server
    behaviour.cut_at = 100_000
    assert fetch(model, tmp_path, patience=QUICK).read_bytes() == MODEL
    assert len(behaviour.asked) == 9


def test_a_server_that_ignores_ranges_sends_it_all_again(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    server[0].ranges = False
    assert fetch(server[1], tmp_path).read_bytes() == MODEL


def test_a_file_that_changed_meanwhile_is_not_joined_to_the_old_part(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    part = tmp_path / "model.onnx.part"
    part.write_bytes(bytes(len(part.read_bytes())))  # the part of another version
    server[0].etag = '"v2"'
    assert fetch(server[1], tmp_path).read_bytes() == MODEL


def test_without_a_validator_a_wrong_part_is_found_out_by_the_hash(server: Server, tmp_path: Path) -> None:
    behaviour, model = server
    behaviour.etag = 'W/"weak"'
    (tmp_path / "model.onnx.part").write_bytes(bytes(1000))
    refused(lambda: fetch(model, tmp_path), "model.damaged")
    assert left(tmp_path) == set()
    assert fetch(model, tmp_path).read_bytes() == MODEL


def test_a_range_that_is_not_the_one_asked_for_is_not_joined(server: Server, tmp_path: Path) -> None:
    interrupted(server, tmp_path)
    server[0].lies_about_ranges = True
    assert fetch(server[1], tmp_path, patience=QUICK).read_bytes() == MODEL


@pytest.mark.parametrize("size", [len(MODEL) + 1, 3 * len(MODEL)])
def test_a_part_that_is_too_long_is_thrown_away(server: Server, tmp_path: Path, size: int) -> None:
    (tmp_path / "model.onnx.part").write_bytes(bytes(size))
    assert fetch(server[1], tmp_path).read_bytes() == MODEL


def test_a_whole_part_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").write_bytes(MODEL)
    assert fetch(card("http://127.0.0.1:9/gone"), tmp_path).read_bytes() == MODEL


def test_a_server_that_recovers_is_asked_again(server: Server, tmp_path: Path) -> None:
    server[0].failures = 2
    assert fetch(server[1], tmp_path, patience=QUICK).read_bytes() == MODEL


def test_a_server_that_does_not_recover_is_a_problem_that_a_retry_may_mend(server: Server, tmp_path: Path) -> None:
    server[0].failures = 1000
    error = refused(lambda: fetch(server[1], tmp_path, patience=QUICK), "model.unreachable")
    assert not error.problem.permanent
    assert "503" in error.problem.reason
    assert "--from" in error.problem.hint
    assert len(server[0].asked) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_not_tried_again(server: Server, tmp_path: Path, status: int) -> None:
    server[0].status = status
    error = refused(lambda: fetch(server[1], tmp_path, patience=QUICK), "model.unavailable")
    assert str(status) in error.problem.reason
    assert len(server[0].asked) == 1
    assert left(tmp_path) == set()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("body", [PAGE, MODEL[:-1], MODEL + b"x", b""], ids=["page", "short", "long", "empty"])
def test_a_body_of_another_size_is_refused_and_not_kept(
    server: Server, tmp_path: Path, body: bytes, chunked: bool
) -> None:
    behaviour, model = server
    behaviour.body, behaviour.chunked, behaviour.content_type = body, chunked, "text/html; charset=utf-8"
    error = refused(lambda: fetch(model, tmp_path, patience=QUICK), "model.wrong_size")
    assert "--from" in error.problem.hint
    assert left(tmp_path) == set()


def test_a_web_page_is_named_as_one(server: Server, tmp_path: Path) -> None:
    server[0].body, server[0].content_type = PAGE, "text/html"
    error = refused(lambda: fetch(server[1], tmp_path, patience=QUICK), "model.wrong_size")
    assert "text/html" in error.problem.reason


def test_a_body_of_the_right_size_and_the_wrong_hash_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    server[0].body = MODEL[:-1] + bytes([MODEL[-1] ^ 1])
    refused(lambda: fetch(server[1], tmp_path, patience=QUICK), "model.damaged")
    assert left(tmp_path) == set()


def test_no_server_at_all_is_a_problem_that_a_retry_may_mend(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/model.onnx"
        error = refused(lambda: fetch(card(url), tmp_path, patience=QUICK), "model.unreachable")
    assert not error.problem.permanent


@pytest.mark.parametrize("url", ["http://host.invalid/m", "ftp://127.0.0.1/m", "http://127.0.0.1:99999/m", "nonsense"])
def test_an_address_that_leads_nowhere_is_a_model_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(ModelError):
        fetch(card(url), tmp_path, patience=QUICK)


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/model.onnx"
        hurried = Patience(attempts=1, pause_s=0.0, connect_s=1.0, read_s=0.1)
        refused(lambda: fetch(card(url), tmp_path, patience=hurried), "model.unreachable")


def test_a_full_disk_is_a_problem_that_a_retry_may_mend(server: Server, tmp_path: Path) -> None:
    (tmp_path / "model.onnx.part").symlink_to("/dev/full")
    error = refused(lambda: fetch(server[1], tmp_path, patience=QUICK), "model.disk")
    assert "No space left" in error.problem.reason
    assert not error.problem.permanent
    assert not (tmp_path / "model.onnx").exists()


def test_a_folder_that_cannot_be_made_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = refused(lambda: fetch(server[1], tmp_path / "file" / "cache"), "model.disk")
    assert "MOODREEL_MODEL_CACHE" in error.problem.hint


def test_a_file_at_hand_is_copied_and_checked(tmp_path: Path) -> None:
    source = tmp_path / "elsewhere.bin"
    source.write_bytes(MODEL)
    heard: list[int] = []
    path = fetch(card("http://127.0.0.1:9/"), tmp_path / "cache", lambda done, _: heard.append(done), from_file=source)
    assert path.read_bytes() == source.read_bytes() == MODEL
    assert heard == [len(MODEL)]
    assert left(tmp_path / "cache") == {"model.onnx"}


@pytest.mark.parametrize(
    ("content", "code"),
    [(PAGE, "model.wrong_size"), (MODEL[:-1], "model.wrong_size"), (MODEL[::-1], "model.damaged")],
    ids=["page", "truncated", "wrong hash"],
)
def test_a_wrong_file_at_hand_is_refused_and_left_alone(tmp_path: Path, content: bytes, code: str) -> None:
    source = tmp_path / "elsewhere.bin"
    source.write_bytes(content)
    refused(lambda: fetch(card("http://127.0.0.1:9/"), tmp_path / "cache", from_file=source), code)
    assert source.read_bytes() == content
    assert left(tmp_path / "cache") == set()


@pytest.mark.parametrize("missing", [True, False])
def test_a_file_at_hand_that_is_none_is_named(tmp_path: Path, missing: bool) -> None:
    source = tmp_path / "nothing" if missing else tmp_path
    with pytest.raises(ModelError) as caught:
        fetch(card("http://127.0.0.1:9/"), tmp_path / "cache", from_file=source)
    assert str(source) in caught.value.problem.reason


def test_a_model_that_comes_with_a_package_is_not_fetched(tmp_path: Path) -> None:
    refused(lambda: fetch(card_of("ferplus"), tmp_path), "model.not_downloadable")


def _fetch_quietly(model: ModelCard, folder: Path) -> None:
    fetch(model, folder, patience=QUICK)


def test_two_fetches_at_once_download_once(server: Server, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_fetch_quietly, args=(server[1], tmp_path)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert [one.exitcode for one in both] == [0, 0]
    assert (tmp_path / "model.onnx").read_bytes() == MODEL
    assert len(server[0].asked) == 1
