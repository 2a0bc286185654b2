"""The stand-ins themselves: they take what the real ones take, keep to their rate, and run as processes."""

import json
import sys
from contextlib import ExitStack

import httpx
import pytest

from tests.services.azure import AzureRules, AzureStandIn
from tests.services.pairs import CANARY, PORTRAIT, ROOT, azure_of
from tests.support.programs import Programs, await_true
from workers.services.azure import AzureFace
from workers.services.base import Throttled


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
