"""What services answer, read without any service: every form of waiting, every envelope, every shape, and nonsense."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.emotions import EMOTIONS
from workers.services import azure_answer, ferplus_answer, rekognition_answer
from workers.services.azure import attributes_of
from workers.services.base import (
    BadPicture,
    Nonsense,
    Refused,
    ServiceError,
    ServiceFace,
    Throttled,
    Unavailable,
)
from workers.services.retry_after import retry_after_s
from workers.services.wire import Reply, short

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("headers", "message", "wait_s"),
    [
        ({}, "", None),
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": " 1.5 "}, "", 1.5),
        ({"retry-after": "0"}, "", 0.0),
        ({"retry-after": "86400"}, "", 120.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"x-ms-retry-after-ms": "3000", "retry-after": "9"}, "", 3.0),
        ({"retry-after-ms": "soon", "retry-after": "9"}, "", 9.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, "", 30.0),
        ({"retry-after": "Sunday, 01-Mar-26 12:00:30 GMT"}, "", 30.0),
        ({"retry-after": "Sun Mar  1 12:00:30 2026"}, "", 30.0),
        ({"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, "", 0.0),
        ({"retry-after": "Mon, 01 Mar 2027 12:00:00 GMT"}, "", 120.0),
        ({"retry-after": "Sun, 01 Mar 2026 15:00:05 GMT", "date": "Sun, 01 Mar 2026 15:00:00 GMT"}, "", 5.0),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({"retry-after": "tomorrow"}, "", None),
        ({"retry-after": "9" * 400}, "", None),
        ({}, "Please retry after 1 second. To increase your rate limit", 1.0),
        ({}, "Rate limit is exceeded. Try again in 26 seconds.", 26.0),
        ({}, "Please retry after 500 milliseconds.", 0.5),
        ({"retry-after": "3"}, "Try again in 26 seconds.", 3.0),
        ({}, "Rate limit is exceeded. Try again later.", None),
        ({}, "Quota will be replenished in 2.12 days.", None),
    ],
)
def test_a_wait_is_read_in_every_form(headers: dict[str, str], message: str, wait_s: float | None) -> None:
    assert retry_after_s(headers, message, NOW) == wait_s


@given(st.text(), st.text(), st.text())
def test_no_header_breaks_the_reading_of_a_wait(header: str, date: str, message: str) -> None:
    wait_s = retry_after_s({"retry-after": header, "date": date, "retry-after-ms": date}, message, NOW)
    assert wait_s is None or 0 <= wait_s <= 120


def reply(status: int, content: Any, **headers: str) -> Reply:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def azure_error(status: int, content: Any, **headers: str) -> ServiceError:
    return azure_answer.error_of(reply(status, content, **headers), "an-id", short, NOW)


NESTED = {
    "error": {
        "code": "InvalidRequest",
        "message": "Invalid request has been sent.",
        "innererror": {
            "code": "UnsupportedFeature",
            "message": "Return Attributes (emotion, gender) have been deprecated",
        },
    }
}
FLAT = {"error": {"code": "UnsupportedFeature", "message": "Return Attributes (...) are no longer supported."}}
APPROVAL = {"error": {"code": "UnsupportedFeature", "message": "Feature is not supported, missing approval for ..."}}
QUOTA = {"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 2.12 days."}


@pytest.mark.parametrize(
    ("status", "content", "kind", "code"),
    [
        (401, {"error": {"code": "401", "message": "Access denied"}}, Refused, "service.key"),
        (401, {"statusCode": 401, "message": "Access denied"}, Refused, "service.key"),
        (401, b"", Refused, "service.key"),
        (403, NESTED, Refused, "service.withdrawn"),
        (403, FLAT, Refused, "service.withdrawn"),
        (403, APPROVAL, Refused, "service.approval"),
        (403, QUOTA, Refused, "service.quota"),
        (403, {"error": {"innererror": "odd"}}, Refused, "service.denied"),
        (403, b"<html>", Refused, "service.denied"),
        (400, {"error": {"code": "InvalidImage", "message": "Decoding error"}}, BadPicture, "service.picture"),
        (400, {"error": {"code": "InvalidImageSize", "message": "too big."}}, BadPicture, "service.picture"),
        (413, b"", BadPicture, "service.picture"),
        (400, {"error": {"code": "BadArgument", "message": "Invalid argument"}}, Refused, "service.request"),
        (415, b"", Refused, "service.request"),
        (404, {"error": {"code": "404", "message": "Resource not found"}}, Refused, "service.endpoint"),
        (301, b"", Refused, "service.endpoint"),
        (429, b"", Throttled, "service.throttled"),
        (408, b"", Unavailable, "service.unavailable"),
        (500, [1], Unavailable, "service.unavailable"),
        (504, b"<html>", Unavailable, "service.unavailable"),
    ],
)
def test_every_refusal_of_azure_has_its_kind(status: int, content: Any, kind: type[ServiceError], code: str) -> None:
    error = azure_error(status, content)
    assert type(error) is kind
    assert error.problem.code == code
    assert error.problem.hint
    assert (error.call.status, error.call.request_id, error.call.transactions) == (status, "an-id", 0)
    assert error.problem.permanent is (kind is BadPicture)


def test_withdrawn_emotion_names_the_local_way() -> None:
    assert "--scorer ferplus" in azure_error(403, NESTED).problem.hint


@given(JSON, st.integers(300, 599))
def test_no_body_breaks_the_reading_of_an_error(content: Any, status: int) -> None:
    for read in (azure_answer.error_of, ferplus_answer.error_of):
        args = ("an-id", short) if read is azure_answer.error_of else (short,)
        error = read(reply(status, content), *args, NOW)  # type: ignore[operator]
        assert isinstance(error, ServiceError)
        assert len(error.problem.reason) < 1000
    assert isinstance(rekognition_answer.error_of({"Error": {"Code": str(content)}}), ServiceError)


def azure_face(**emotion: Any) -> list[dict[str, Any]]:
    box = {"top": 1, "left": 2, "width": 3, "height": 4}
    eight = dict.fromkeys(EMOTIONS, 0.0) | {"happiness": 0.999} | emotion
    return [{"faceRectangle": box, "faceAttributes": {"emotion": eight, "Glasses": "noGlasses", "age": 30.0}}]


def azure_faces(content: Any, asked: str = "emotion,glasses", **headers: str) -> tuple[ServiceFace, ...]:
    found = azure_answer.answer_of(reply(200, content, **headers), attributes_of(asked), "an-id", short)
    return found.faces


def test_azures_emotions_are_put_in_our_order_and_made_to_sum_to_one() -> None:
    (face,) = azure_faces(azure_face(sadness=0.1, happiness=0.9))
    assert face.scores == (0, 0.9, 0, 0.1, 0, 0, 0, 0)
    assert face.box_xywh == (2, 1, 3, 4)
    (face,) = azure_faces(azure_face())
    assert face.scores is not None
    assert sum(face.scores) == 1


def test_only_attributes_asked_for_are_kept_in_the_spelling_of_the_wire() -> None:
    (face,) = azure_faces(azure_face())
    assert json.loads(face.attributes or "") == {"glasses": "NoGlasses"}


def test_faces_without_emotion_have_no_scores() -> None:
    content = azure_face()
    del content[0]["faceAttributes"]
    (face,) = azure_faces(content)
    assert (face.scores, face.attributes) == (None, None)
    assert azure_faces([]) == ()


@pytest.mark.parametrize("emotion", [{"happiness": 0.5}, {"fear": -0.1}, {"anger": "high"}, {"anger": True}])
def test_emotions_that_are_no_probabilities_are_nonsense(emotion: dict[str, Any]) -> None:
    with pytest.raises(Nonsense) as nonsense:
        azure_faces(azure_face(**emotion))
    assert nonsense.value.call.transactions == 1


def test_a_number_beyond_all_floats_is_nonsense() -> None:
    content = json.dumps(azure_face()).replace('"top": 1', f'"top": 1{"0" * 400}').encode()
    with pytest.raises(Nonsense):
        azure_faces(content)


def test_what_was_billed_is_what_the_header_says() -> None:
    for told, billed in (("CognitiveServices.Face.Transaction=3", 3), ("", 1)):
        good = reply(299, [], csp_billing_usage=told)
        assert azure_answer.answer_of(good, (), "an-id", short).transactions == billed


@given(st.lists(st.fixed_dictionaries({}, optional={"faceRectangle": JSON, "faceAttributes": JSON})) | JSON)
def test_azures_answer_is_faces_or_nonsense(content: Any) -> None:
    try:
        faces = azure_faces(content)
    except Nonsense:
        return
    for face in faces:
        assert face.scores is None or abs(sum(face.scores) - 1) < 1e-9


def container(content: Any, count: int = 1) -> Any:
    return ferplus_answer.answer_of(reply(200, content), count, short)


SHARES = [0.1, 0.5, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05]


@pytest.mark.parametrize(
    "content",
    [
        {"result": SHARES, "time": 0.02},
        {"result": [SHARES], "time_in_sec": [0.02]},
        json.dumps({"result": SHARES, "time": 0.02}),
        {"result": list(np.log(SHARES)), "time": 0.02},
        {"result": list(np.log(SHARES) + 9)},
        {"result": SHARES, "error": None},
    ],
)
def test_a_container_may_answer_in_any_known_shape(content: Any) -> None:
    answer = container(content)
    np.testing.assert_allclose(answer.scores, [SHARES], atol=1e-6)
    assert answer.scores.dtype == np.float32
    assert answer.attributes == (None,)


@pytest.mark.parametrize("result", [["happiness"], [["happiness"]], ["Happy"]])
def test_a_container_that_names_an_emotion_gives_no_scores(result: Any) -> None:
    answer = container({"result": result})
    assert answer.scores is None
    assert answer.attributes == ('{"label": "happiness"}',)
    assert container({"result": [["fear"], ["anger"]]}, 2).attributes == ('{"label": "fear"}', '{"label": "anger"}')


@pytest.mark.parametrize(
    ("content", "count"),
    [
        ({"result": SHARES[:7]}, 1),
        ({"result": [SHARES]}, 2),
        ({"result": SHARES}, 8),
        ({"result": ["boredom"]}, 1),
        ({"result": None}, 1),
        ({"result": [1e40] * 8}, 1),
        ({"result": [[SHARES]]}, 1),
        ({"answer": 42}, 1),
        ("no json in here", 1),
        ([], 1),
        (b'{"result": [NaN, 0, 0, 0, 0, 0, 0, 0]}', 1),
        (b"", 1),
    ],
)
def test_other_answers_of_a_container_are_nonsense(content: Any, count: int) -> None:
    with pytest.raises(Nonsense):
        container(content, count)


def test_a_script_that_failed_is_no_nonsense() -> None:
    with pytest.raises(Unavailable, match="Missing model") as failed:
        container({"error": "Missing model"})
    assert failed.value.problem.code == "service.failed"


@given(JSON, st.integers(1, 3))
def test_a_containers_answer_is_probabilities_names_or_nonsense(result: Any, count: int) -> None:
    try:
        answer = container({"result": result}, count)
    except Nonsense:
        return
    assert answer.scores is None or np.allclose(answer.scores.sum(axis=1), 1, atol=1e-5)


def amazons(*emotions: tuple[str, float], **more: Any) -> ServiceFace:
    box = {"Left": 0.25, "Top": -0.1, "Width": 0.5, "Height": 0.4}
    told = [{"Type": name, "Confidence": percent} for name, percent in emotions]
    content = {"FaceDetails": [{"BoundingBox": box, "Emotions": told, "Confidence": 99.0, **more}]}
    (face,) = rekognition_answer.answer_of(content, (200, 100), ("EMOTIONS", "AGE_RANGE")).faces
    return face


def test_rekognitions_emotions_become_ours_and_what_has_no_place_is_kept_aside() -> None:
    face = amazons(
        ("CALM", 60.0), ("HAPPY", 20.0), ("CONFUSED", 15.0), ("UNKNOWN", 5.0), AgeRange={"Low": 1, "High": 2}
    )
    assert face.scores == (0.75, 0.25, 0, 0, 0, 0, 0, 0)
    assert json.loads(face.attributes or "") == {
        "AgeRange": {"Low": 1, "High": 2},
        "Emotions": {"CONFUSED": 15.0, "UNKNOWN": 5.0},
    }
    assert face.box_xywh == (50, -10, 100, 40)
    assert face.confidence == 0.99


def test_a_face_that_is_only_confused_has_no_scores() -> None:
    assert amazons(("CONFUSED", 100.0)).scores is None
    assert amazons().scores is None


@pytest.mark.parametrize("side", ["Left", "Top", "Width", "Height"])
def test_a_box_larger_than_any_number_of_pixels_is_nonsense(side: str) -> None:
    box = {"Left": 0.1, "Top": 0.1, "Width": 0.5, "Height": 0.5} | {side: 1e308}
    with pytest.raises(Nonsense):
        rekognition_answer.answer_of({"FaceDetails": [{"BoundingBox": box}]}, (200, 100), ())


@given(JSON)
def test_rekognitions_answer_is_faces_or_nonsense(content: Any) -> None:
    for answer in ({"FaceDetails": content}, {"FaceDetails": [content]}, {}):
        try:
            faces = rekognition_answer.answer_of(answer, (10, 10), ("ALL",)).faces
        except Nonsense:
            continue
        assert all(isinstance(face, ServiceFace) for face in faces)


@pytest.mark.parametrize(
    ("kind", "found", "code"),
    [
        ("NoCredentialsError", Refused, "service.key"),
        ("TokenRetrievalError", Refused, "service.key"),
        ("SSLError", Refused, "service.certificate"),
        ("EndpointConnectionError", Unavailable, "service.unavailable"),
        ("ReadTimeoutError", Unavailable, "service.unavailable"),
        ("ResponseParserError", Nonsense, "service.nonsense"),
        ("ParamValidationError", Refused, "service.request"),
    ],
)
def test_every_failure_of_botocore_has_its_kind(kind: str, found: type[ServiceError], code: str) -> None:
    error = rekognition_answer.failure_of(kind, "so it is")
    assert type(error) is found
    assert error.problem.code == code
    assert error.call.sent is (kind in ("ReadTimeoutError", "ResponseParserError"))


def test_a_strangers_words_are_shown_short_and_on_one_line() -> None:
    assert short("a\n\tb\x1b[31m c") == "a b [31m c"
    assert len(short("x" * 10_000)) < 310
