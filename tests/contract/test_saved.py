"""The saved queries: each gives what was computed by hand, on both databases, and says what it gives."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from scipy import stats
from sqlalchemy.engine import make_url

from db.errors import Ambiguous, NotFound, QueryRefused
from db.query import open_query
from db.query_saved import SHIPPED, all_saved, find_saved, parse_saved
from db.records import Face, Frame, SegmentCommit
from db.states import FrameStatus
from db.store import Store
from db.views import definitions
from jobs.saved import saved_question
from tests.support.databases import reader_url
from tests.support.dbmaking import LANDMARKS, SAD, admit, change, job_id, photo, run_all, start, unreadable, video

JOB = job_id(2)
SHIPPED_NAMES = [saved.name for saved in all_saved()]
Row = tuple[object, ...]


def face(happiness: float | None, confidence: float = 0.9) -> Face:
    """A face that is happy to this degree, and neutral else: its valence is that too. None: one without scores."""
    scores = None if happiness is None else (1 - happiness, happiness, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return Face(1.0, 2.0, 3.0, 4.0, LANDMARKS, confidence, scores)


FRAMES = {
    "a.mp4": (Frame(0, 0.0, (face(0.2),)), Frame(1, 1.5, (face(0.4), face(0.9)))),
    "b.mp4": (Frame(0, 0.0, (face(0.6),)), Frame(1, 1.0)),
    "c.mp4": (Frame(0, 0.0, (face(0.9), face(None))), Frame(1, 1.0, status=FrameStatus.MISSING)),
    "d.mp4": (Frame(0, 0.0, faces_dropped=2),),
    "e.jpg": (Frame(0, 0.0, (replace(face(None, 0.75), scores=SAD),)),),
}
TAGS = {
    "a.mp4": {"participant": "P1", "condition": "A", "stimulus": "ad1"},
    "b.mp4": {"participant": "P2", "condition": "A", "stimulus": "ad1"},
    "c.mp4": {"participant": "P3", "condition": "B", "stimulus": "ad1"},
    "d.mp4": {"participant": "P1", "condition": "A", "stimulus": "ad2"},
}
CALLS = (
    ("azure", "answered", 36, 1, 0.001),
    ("azure", "answered", 36, 1, 0.001),
    ("azure", "throttled", 36, 1, 0.0),
    ("azure", "open", 12, 1, 0.001),
    ("rekognition", "answered", 10, 10, 0.01),
)


@pytest.fixture
def url(store: Store, database_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A small study between two other jobs' rows, as somebody who may only read logs in to it."""
    admit(store, start(store, 1), video("a.mp4", segments=1, content="another"), photo("z.jpg"))
    run_all(store)
    study = start(store, 2, name="study")
    videos = (video(path, segments=1, tags=tags) for path, tags in TAGS.items())
    admit(store, study, *videos, photo("e.jpg"), unreadable("bad.mp4"))
    for claimed in store.segments.claim("w", 60, 100):
        store.segments.commit([SegmentCommit(claimed.fence, FRAMES[claimed.path])])
    change(store, "UPDATE segment SET updated_at = '2026-01-01 10:00:30.000000'")
    for scorer, outcome, faces, transactions, cost in CALLS:
        change(
            store,
            "INSERT INTO api_call (job_id, scorer, outcome, faces, transactions, cost, duration_s, created_at) VALUES "
            f"('{study.id}', '{scorer}', '{outcome}', {faces}, {transactions}, {cost}, 0.1, '2026-01-01 10:00:00')",
        )
    if make_url(database_url).get_backend_name() == "sqlite":
        yield database_url
    else:
        yield from reader_url(request.getfixturevalue("postgres"), database_url)


def ask(url: str, name: str, **params: str) -> list[Row]:
    return answer(url, name, **params)[1]


def answer(url: str, name: str, **params: str) -> tuple[tuple[str, ...], list[Row]]:
    question = saved_question(url, name, params, 10.0)
    with open_query(url, question.sql, question.params) as result:
        return result.columns, list(chain.from_iterable(result))


def near(*values: object) -> Row:
    """A row whose numbers are right to nine digits."""
    return tuple(pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value for value in values)


def band(values: list[float], *, digits: float = 1e-6) -> Row:
    """Mean, low and high as scipy has them."""
    mean = sum(values) / len(values)
    return tuple(
        pytest.approx(value, rel=digits)
        for value in (mean, *stats.t.interval(0.95, len(values) - 1, mean, stats.sem(values)))
    )


ZEROS = (0.0,) * 6
ANSWERS: list[tuple[str, dict[str, str], list[Row]]] = [
    (
        "dominant-by-file",
        {},
        [
            near("a.mp4", "neutral", 2, 2 / 3, 3),
            near("b.mp4", "happiness", 1, 1.0, 1),
            near("c.mp4", "happiness", 1, 1.0, 1),
            near("e.jpg", "sadness", 1, 1.0, 1),
        ],
    ),
    (
        "emotion-over-time",
        {"path": "a.mp4"},
        [near(0, 1, 0.2, 0.8, 0.2, *ZEROS), near(1, 2, 0.65, 0.35, 0.65, *ZEROS)],
    ),
    (
        "emotion-over-time",
        {"path": "c.mp4"},
        [near(0, 2, 0.9, 0.1, 0.9, *ZEROS), (1, None, *(None,) * 9)],
    ),
    (
        "happiest-moments",
        {"limit": "3"},
        [
            ("a.mp4", 1.5, 1, 0.9, 0.9, 0.9),
            ("c.mp4", 0.0, 0, 0.9, 0.9, 0.9),
            ("b.mp4", 0.0, 0, 0.6, 0.6, 0.9),
        ],
    ),
    (
        "faces-per-second",
        {},
        [
            ("a.mp4", 0, 1, 1, 1.0),
            ("a.mp4", 1, 1, 2, 2.0),
            ("b.mp4", 0, 1, 1, 1.0),
            ("b.mp4", 1, 1, 0, 0.0),
            ("c.mp4", 0, 1, 2, 2.0),
            ("c.mp4", 1, 1, None, None),
            ("d.mp4", 0, 1, 0, 0.0),
            ("e.jpg", 0, 1, 1, 1.0),
        ],
    ),
    ("files-without-faces", {}, [("d.mp4", "video", 60.0, 1, 2, 0)]),
    (
        "coverage",
        {},
        [
            ("d.mp4", "complete", 1, 0, 0.0, 0, 0),
            ("b.mp4", "complete", 2, 1, 0.5, 1, 0),
            ("a.mp4", "complete", 2, 2, 1.0, 3, 0),
            ("c.mp4", "complete", 2, 1, 1.0, 2, 0),
            ("e.jpg", "complete", 1, 1, 1.0, 1, 0),
        ],
    ),
    (
        "group-over-time",
        {"stimulus": "ad1", "measure": "happiness"},
        [
            ("A", 0, 2, *band([0.2, 0.6]), 2),
            (*near("A", 1, 1, 0.65), None, None, 2),
            (*near("B", 0, 1, 0.9), None, None, 1),
            ("B", 1, 0, None, None, None, 1),
        ],
    ),
    (
        "low-confidence",
        {"below": "0.9"},
        [("e.jpg", 0.0, 0.75, "sadness", 1.0, 2.0, 3.0, 4.0)],
    ),
    ("low-confidence", {"below": "0.7"}, []),
    (
        "cost",
        {},
        [
            near("azure", 4, 2, 1, 1, 72, 4, 0.003, 3 / 72),
            near("rekognition", 1, 1, 0, 0, 10, 10, 0.01, 1.0),
        ],
    ),
    ("speed", {}, [near("2026-01-01 10:00", 5, 41, 40.0, 41 / 60)]),
    (
        "participants-by-stimulus",
        {},
        [("ad1", 3, 3, 0, 6, 6), ("ad2", 1, 1, 1, 1, 0), (None, 1, 1, 0, 1, 1)],
    ),
    (
        "emotion-by-participant",
        {},
        [
            near("P1", 1, 3, 0.5, 2 / 3, 1 / 3, *ZEROS),
            near("P2", 1, 1, 0.6, 0.0, 1.0, *ZEROS),
            near("P3", 1, 1, 0.9, 0.0, 1.0, *ZEROS),
            near("e.jpg", 1, 1, -0.4, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0),
        ],
    ),
]


@pytest.mark.parametrize(("name", "params", "expected"), ANSWERS, ids=[f"{a[0]}-{a[1]}" for a in ANSWERS])
def test_an_answer_is_what_was_computed_by_hand(
    url: str, name: str, params: dict[str, str], expected: list[Row]
) -> None:
    assert ask(url, name, **params) == expected


def test_conditions_are_compared_by_participants(url: str) -> None:
    found = ask(url, "compare-conditions")
    measures = ["valence", "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
    assert [row[:3] for row in found] == [(name, *group) for name in measures for group in (("A", 2), ("B", 1))]
    happiness = {row[1]: row for row in found if row[0] == "happiness"}
    assert happiness["A"][3:6] == band([0.5, 0.6])
    assert happiness["B"][3:] == (pytest.approx(0.9), None, None, None)
    assert ask(url, "compare-conditions", stimulus="ad1") == found
    assert ask(url, "compare-conditions", stimulus="ad2") == []
    assert [row[1:3] for row in ask(url, "compare-conditions", tag="stimulus")[:1]] == [("ad1", 3)]


def test_bands_are_those_of_the_view() -> None:
    """Which the tests of views hold against scipy for many numbers of participants."""

    def quantiles(sql: str) -> list[str]:
        return [" ".join(found.split()) for found in re.findall(r"WHEN 2 THEN 12\.7.*?/ df\b", sql, re.DOTALL)]

    (told,) = quantiles(definitions()["group_timeline"])
    assert [quantiles(find_saved(name, []).sql) for name in ("compare-conditions", "group-over-time")] == [[told]] * 2


def test_problems_come_with_what_to_do(url: str) -> None:
    found = ask(url, "problems")
    assert [(row[0], row[1], row[6]) for row in found] == [
        ("bad.mp4", "file", "media.truncated"),
        ("c.mp4", "frames", "media.damaged_frames"),
    ]
    assert all(row[2] and row[3] for row in found)


def test_each_shipped_query_is_tested_and_there_are_a_dozen() -> None:
    assert {answer[0] for answer in ANSWERS} | {"compare-conditions", "problems"} == set(SHIPPED_NAMES)
    assert len(SHIPPED_NAMES) >= 12


REQUIRED = {"path": "a.mp4", "stimulus": "ad1"}


@pytest.mark.parametrize("name", SHIPPED_NAMES)
def test_a_query_says_what_it_answers_and_what_its_columns_are(url: str, name: str) -> None:
    saved = find_saved(name, [])
    assert saved.title.endswith(".")
    assert all(param.sentence.endswith(".") for param in saved.params)
    assert saved.params[0].name == "job"
    assert saved.params[0].default == "latest"
    columns, _ = answer(url, name, **{one.name: REQUIRED[one.name] for one in saved.params if one.default is None})
    patterns = [re.escape(column).replace(r"\.\.\.", r"\w+") for column, _ in saved.columns]
    assert all(any(re.fullmatch(pattern, column) for pattern in patterns) for column in columns)
    assert all(any(re.fullmatch(pattern, column) for column in columns) for pattern in patterns)
    assert all(sentence.endswith(".") for _, sentence in saved.columns)


def test_a_job_is_meant_as_every_command_means_it(url: str) -> None:
    study = ask(url, "dominant-by-file")
    for reference in ("latest", "study", JOB, JOB[-12:]):
        assert ask(url, "dominant-by-file", job=reference) == study
    assert [row[0] for row in ask(url, "dominant-by-file", job="job 1")] == ["a.mp4", "z.jpg"]
    with pytest.raises(NotFound):
        ask(url, "dominant-by-file", job="nothing")
    with pytest.raises(Ambiguous):
        ask(url, "dominant-by-file", job="abcdef01")


def test_text_is_text_though_it_looks_like_a_number(url: str, store: Store) -> None:
    admit(store, start(store, 3), video("12.50", segments=1), video("007", segments=1))
    run_all(store)
    for path in ("12.50", "007", "'007'"):
        assert ask(url, "emotion-over-time", path=path)
    assert ask(url, "emotion-over-time", path="' OR 1=1 --") == []


def test_what_a_query_needs_and_what_it_does_not_know_is_said() -> None:
    saved = find_saved("emotion-over-time", [])
    with pytest.raises(QueryRefused, match="needs the parameter path: The file") as missing:
        saved.values({})
    assert "--param path=VALUE" in missing.value.hint
    with pytest.raises(QueryRefused, match="no parameter pth") as unknown:
        saved.values({"pth": "a"})
    assert "job, path" in unknown.value.hint


def test_a_query_of_ones_own_is_found_and_needs_no_comments(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text("SELECT :a, ':b' -- :c\n")
    (tmp_path / "notes.txt").write_text("SELECT 1")
    found = find_saved("mine", [tmp_path / "none", tmp_path])
    assert (found.title, found.sql, found.origin) == ("", "SELECT :a, ':b' -- :c", str(tmp_path / "mine.sql"))
    assert [(one.name, one.default) for one in found.params] == [("a", None)]
    assert [one.name for one in all_saved([tmp_path])] == [*SHIPPED_NAMES, "mine"]


def test_ours_is_not_replaced_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "problems.sql").write_text("SELECT 1")
    with pytest.raises(QueryRefused, match=r"two queries called @problems: one of moodreel and .*problems\.sql") as two:
        find_saved("problems", [tmp_path])
    assert "another name" in two.value.hint
    assert find_saved("cost", [tmp_path]).origin == SHIPPED


def test_a_file_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    (tmp_path / "broken.sql").write_bytes(b"SELECT '\xff'")
    (tmp_path / "whole.sql").write_text("SELECT 1")
    assert find_saved("whole", [tmp_path]).sql == "SELECT 1"
    with pytest.raises(QueryRefused, match=r"broken\.sql cannot be read"):
        find_saved("broken", [tmp_path])


def test_a_wrong_name_is_answered_with_near_ones() -> None:
    with pytest.raises(QueryRefused) as caught:
        find_saved("dominant-by-fil", [])
    assert "did you mean @dominant-by-file" in caught.value.hint


def test_the_opening_comments_are_read() -> None:
    text = (
        "-- title: What: it is.\n-- Anything else.\n-- param job = latest: The job.\n"
        "-- param who = 'it''s: me': Who.\n-- param n=0.5: How many.\n-- param must: Given.\n-- column a: A.\n"
        "SELECT :job, :who, :n, :must AS a"
    )
    saved = parse_saved("x", text, SHIPPED)
    assert (saved.title, saved.columns) == ("What: it is.", (("a", "A."),))
    assert saved.values({"must": "7", "n": "3"}) == {"job": "'latest'", "who": "'it''s: me'", "n": "3", "must": "'7'"}
