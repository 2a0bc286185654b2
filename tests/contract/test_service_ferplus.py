"""The client of a FER+ scoring container against its stand-in: every shape of answer, every failure."""

import json
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest

from db.emotions import EMOTIONS
from tests.services.eyes import EYES
from tests.services.pairs import Pair, failure, ferplus_of, noise
from workers.services.base import (
    Nonsense,
    Refused,
    ServiceError,
    Throttled,
    Unavailable,
)
from workers.services.ferplus_http import FerPlusHttp


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
