"""What goes wrong at a service, as a person meets it: what is said, what is spent, and what there is afterwards."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.runs import sql
from tests.acceptance.services import ATTEMPTS, UNSCORED, client

PACK = ("--pack", "3")
CALLS = 4
DONE = [("done", 9, 0)]
NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("rules", "code", "reason", "hint"),
    [
        ({"emotion": "withdrawn"}, "service.withdrawn", "Microsoft withdrew emotion", "--scorer ferplus"),
        ({"always": "echo-key"}, "service.key", "does not know the key", "MOODREEL_AZURE_KEY"),
        ({"always": "approval"}, "service.approval", "no approval", "https://aka.ms/facerecognition"),
        ({"always": "redirect"}, "service.endpoint", "no Azure Face at that address", "MOODREEL_AZURE_ENDPOINT"),
    ],
)
def test_a_refusal_that_is_final_is_met_by_one_call_and_explained(
    rules: dict[str, Any], code: str, reason: str, hint: str, twelve: Path, tmp_path: Path
) -> None:
    with client(twelve, tmp_path, **rules) as person:
        ended = person.run("--pack", "36")
        assert ended.code == 3, ended.err
        assert f"[{code}]" in ended.err
        assert reason in ended.err
        assert hint in ended.err.partition("hint:")[2]
        assert person.server.book.calls == 1
        assert person.outcomes() == {"refused": 1}
        assert person.server.book.transactions == 0
        assert sql(person.database, "SELECT sum(failures), sum(expiries) FROM segment") == [(0, 0)]


def test_a_service_that_stays_away_stops_the_run_which_goes_on_once_it_is_back(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, always="503") as person:
        ended = person.run(*PACK)
        assert ended.code == 3, ended.err
        assert "is not available" in ended.err
        assert "moodreel resume" in ended.err
        assert set(person.outcomes()) == {"unavailable"}
        assert person.faces() == (0, 0)
        person.server.rules.always = ""
        resumed = person.resume()
        assert resumed.code == 0, resumed.err
        assert person.faces() == (12, 12)
        assert sql(person.database, ATTEMPTS) == DONE
        assert person.server.book.transactions == CALLS


def test_what_happens_now_and_then_delays_a_run_and_is_counted(twelve: Path, tmp_path: Path) -> None:
    faults = ["429", "not-json", "", "reset", "503", "empty", "429", "half", "", "huge", "reset-early", "truncated"]
    with client(twelve, tmp_path, next=list(faults), settings={"MOODREEL_SERVICE_TIMEOUT_S": "5"}) as person:
        ended = person.run("--pack", "1")
        assert ended.code == 0, ended.err
        assert person.faces() == (12, 12)
        assert sql(person.database, ATTEMPTS) == DONE
        book, bill = person.server.book, person.bill()
        assert person.server.rules.next == []
        assert bill["calls"] == book.calls == 12 + sum(map(bool, faults))
        assert (bill["answered"], bill["throttled"]) == (12, 2)
        assert bill["retries"] > 0
        assert bill["unclear"] == 2, "two were cut off: whether they were billed nobody told us"
        assert bill["transactions"] >= book.transactions >= bill["transactions"] - bill["unclear"]


def test_a_call_without_an_answer_is_given_up_on_and_made_again(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, next=["hang", "drip"], settings={"MOODREEL_SERVICE_TIMEOUT_S": "1"}) as person:
        ended = person.run(*PACK)
        assert ended.code == 0, ended.err
        assert person.faces() == (12, 12)
        assert person.outcomes() == {"answered": CALLS, "unclear": 1, "unavailable": 1}
        assert person.server.book.calls == CALLS + 2
        assert "may have been billed without a result" in person.say("status", "latest").out


def test_a_face_that_was_not_seen_among_others_is_sent_again_alone_and_one_not_seen_alone_has_no_scores(
    twelve: Path, tmp_path: Path
) -> None:
    with client(twelve, tmp_path, next=["fewer", "none"]) as person:
        ended = person.run()
        assert ended.code == 0, ended.err
        assert person.server.book.calls == 2
        assert [asked.body_bytes for asked in person.server.book.last][1] < person.server.book.last[0].body_bytes / 4
        assert person.faces() == (12, 11)
        [(attributes,)] = sql(person.database, UNSCORED)
        assert json.loads(attributes) == {"unscored": "the service found no face in it"}
        assert ended.summary["unscored"] == 1
        again = person.run()
        assert again.code == 0, again.err
        assert person.server.book.calls == 2, "what the service has said once, it is not asked again"


def test_a_face_that_was_missed_once_is_scored_when_it_goes_alone(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, next=["fewer"]) as person:
        assert person.run().code == 0
        assert person.server.book.calls == 2
        assert person.faces() == (12, 12)


def test_a_picture_that_the_service_does_not_take_costs_nobody_beside_it_a_thing(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, next=["picture", "", "picture"]) as person:
        ended = person.run()
        assert ended.code == 0, ended.err
        assert person.server.book.calls == 1 + 12
        assert person.server.book.transactions == 11
        assert person.faces() == (12, 11)
        [(attributes,)] = sql(person.database, UNSCORED)
        assert "Azure Face does not take this picture" in json.loads(attributes)["unscored"]
        assert sql(person.database, ATTEMPTS) == DONE


def test_a_photo_that_the_service_does_not_take_fails_alone(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path, next=["", "picture"]) as person:
        ended = person.run("--detector", "service", "--include", "*.jpg")
        assert ended.code == 1, ended.err
        assert person.faces() == (7, 7)
        assert sql(person.database, "SELECT code FROM problems") == [("service.picture",)]
        assert person.server.book.calls == 8


def test_whom_nobody_answers_at_is_said_with_the_remedy(twelve: Path, tmp_path: Path) -> None:
    with client(twelve, tmp_path) as person:
        ended = replace(person, settings={"MOODREEL_AZURE_ENDPOINT": NOBODY}).run()
        assert ended.code == 3, ended.err
        assert "cannot be reached" in ended.err
        assert "see that the address is right" in ended.err
        assert person.resume().code == 0
        assert person.faces() == (12, 12)
