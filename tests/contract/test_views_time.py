"""The views over time: a second's means hold what was seen and nothing else, a group's band is Student's."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from scipy import stats

from db.derive import valence
from db.describe import describe
from db.emotions import EMOTIONS
from db.engine import reading
from db.records import Face, Frame, SegmentCommit
from db.states import FrameStatus
from db.store import Store
from tests.support.dbmaking import HAPPY, LANDMARKS, SAD, admit, change, job_id, photo, rows, run_all, start, video

Scores = tuple[float, ...]
ALL_OF_IT = ", ".join(f"mean_{name}" for name in EMOTIONS)


def face(scores: Scores | None) -> Face:
    return Face(1.0, 2.0, 3.0, 4.0, LANDMARKS, 0.9, scores)


def frame(time_s: float, *scores: Scores | None, status: FrameStatus = FrameStatus.OK) -> Frame:
    return Frame(round(time_s * 1e7), time_s, tuple(map(face, scores)), status=status)


def commit(store: Store, frames: Mapping[str, Sequence[Frame]]) -> None:
    """Give each file its frames, by path."""
    for claimed in store.segments.claim("w", 60, 1000):
        (outcome,) = store.segments.commit([SegmentCommit(claimed.fence, tuple(frames[claimed.path]))])
        assert outcome.accepted


def happy(probability: float) -> Scores:
    """A face that is happy to this degree, and neutral else: its valence is that too."""
    return (1 - probability, probability, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_a_second_has_what_was_seen_in_it_and_nothing_else(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=1))
    frames = (
        *(frame(0.0, HAPPY, SAD), frame(0.5, HAPPY)),
        *(frame(1.0), frame(1.4)),
        *(frame(2.0, None), frame(2.5, HAPPY)),
        *(frame(3.0, None),),
        *(frame(5.0, status=FrameStatus.MISSING), frame(5.5, SAD)),
        *(frame(6.0, status=FrameStatus.MISSING),),
    )
    commit(store, {"a.mp4": frames})
    select = (
        "SELECT second, frames, frames_with_face, frames_missing, faces, faces_scored, mean_happiness, mean_valence "
        "FROM timeline ORDER BY second"
    )
    assert rows(store, select) == [
        (0, 2, 2, 0, 3, 3, pytest.approx(1.1 / 3), pytest.approx(0.4 / 3)),
        (1, 2, 0, 0, 0, 0, None, None),
        (2, 2, 2, 0, 2, 1, 0.5, pytest.approx(0.4)),
        (3, 1, 1, 0, 1, 0, None, None),
        (5, 2, 1, 1, 1, 1, 0.1, pytest.approx(-0.4)),
        (6, 1, 0, 1, None, 0, None, None),
    ]
    (means,) = rows(store, f"SELECT {ALL_OF_IT} FROM timeline WHERE second = 0")
    assert means == tuple(pytest.approx((2 * one + other) / 3) for one, other in zip(HAPPY, SAD, strict=True))
    assert rows(store, f"SELECT {ALL_OF_IT} FROM timeline WHERE second = 6") == [(None,) * 8]
    assert rows(store, "SELECT sum(frames), sum(faces) FROM timeline") == rows(
        store, "SELECT frames, faces FROM media_summary"
    )


def test_a_second_begins_where_it_begins_to_the_microsecond_on_either_database(store: Store) -> None:
    times = (0.0, 0.4999, 0.5, 0.999999, 0.9999996, 1.0, 1.5, 2.4999995, 2.5, 2.9999994, 59.99999999)
    admit(store, start(store), video("a.mp4", segments=1))
    commit(store, {"a.mp4": [frame(time_s) for time_s in times]})
    assert rows(store, "SELECT second, frames FROM timeline ORDER BY second") == [(0, 4), (1, 3), (2, 3), (60, 1)]


def test_each_way_of_analysing_has_its_own_timeline_and_each_file_of_a_job_the_one_it_asked_for(store: Store) -> None:
    from tests.support.dbmaking import analysis

    admit(store, start(store, 1), photo("a.jpg", tags={"stimulus": "ad1"}), photo("copy.jpg", content="a.jpg"))
    commit(store, {"a.jpg": [frame(0.0, HAPPY)], "copy.jpg": [frame(0.0, HAPPY)]})
    admit(store, start(store, 2, photo_analysis=analysis("photo", "strict")), photo("a.jpg"))
    commit(store, {"a.jpg": [frame(0.0, SAD)]})
    assert rows(store, "SELECT second, mean_happiness FROM timeline ORDER BY mean_happiness") == [(0, 0.1), (0, 0.5)]
    select = "SELECT job_name, path, participant, stimulus, mean_happiness FROM job_timeline ORDER BY job, path"
    assert rows(store, select) == [
        ("job 1", "a.jpg", "a.jpg", "ad1", 0.5),
        ("job 1", "copy.jpg", "copy.jpg", None, 0.5),
        ("job 2", "a.jpg", "a.jpg", None, 0.1),
    ]


def test_a_file_is_in_the_group_of_each_of_its_tags(store: Store) -> None:
    admit(store, start(store), video("a.mp4", segments=1, tags={"condition": "A", "site": "Ulm", "stimulus": "ad1"}))
    commit(store, {"a.mp4": [frame(0.0, HAPPY), frame(1.0)]})
    select = "SELECT tag, value, stimulus, participant, second, faces FROM tag_timeline ORDER BY tag, second"
    assert rows(store, select) == [
        (tag, value, "ad1", "a.mp4", second, 1 - second)
        for tag, value in (("condition", "A"), ("site", "Ulm"), ("stimulus", "ad1"))
        for second in (0, 1)
    ]


def test_a_participant_counts_once_however_many_recordings_and_faces_there_are_of_them(store: Store) -> None:
    files = {"1a.mp4": ("P1", 0.2, 1), "1b.mp4": ("P1", 0.4, 5), "2.mp4": ("P2", 0.9, 3), "3.mp4": ("P3", None, 1)}
    tagged = (
        video(path, segments=1, tags={"participant": who, "condition": "A", "stimulus": "ad1"})
        for path, (who, _, _) in files.items()
    )
    admit(store, start(store), *tagged)
    commit(
        store,
        {path: [frame(0.0, *[None if p is None else happy(p)] * count)] for path, (_, p, count) in files.items()},
    )
    select = (
        "SELECT n, participants, mean, low, high, sd FROM group_timeline "
        "WHERE tag = 'condition' AND value = 'A' AND stimulus = 'ad1' AND measure = 'happiness'"
    )
    low, high = stats.t.interval(0.95, 1, 0.6, stats.sem([0.3, 0.9]))
    assert rows(store, select) == [
        (2, 3, *(pytest.approx(value, rel=1e-6) for value in (0.6, low, high, statistics.stdev([0.3, 0.9]))))
    ]


def test_without_a_tag_each_file_is_a_participant_also_where_two_roots_have_one_path(store: Store) -> None:
    twins = [
        replace(video("a.mp4", segments=1, content=root, tags={"condition": "A"}), root=root.encode())
        for root in ("/one", "/two")
    ]
    admit(store, start(store), *twins)
    commit(store, {"a.mp4": [frame(0.0, HAPPY)]})
    select = "SELECT stimulus, n, mean, low, high, sd FROM group_timeline WHERE measure = 'valence'"
    assert rows(store, select) == [(None, 2, *(pytest.approx(0.4),) * 3, pytest.approx(0.0, abs=1e-9))]


def test_a_band_is_students_for_any_number_of_participants(store: Store) -> None:
    """In second s, s of 41 participants show a face: n is 0 to 41."""
    degrees = [(number * 37 % 41) / 41 for number in range(41)]
    paths = [f"{number:02d}.mp4" for number in range(41)]
    admit(store, start(store), *(video(path, segments=1, tags={"condition": "A"}) for path in paths))
    commit(
        store,
        {
            path: [frame(float(second), *[happy(degrees[number])] * (second > number)) for second in range(42)]
            for number, path in enumerate(paths)
        },
    )
    select = "SELECT n, participants, mean, low, high, sd FROM group_timeline WHERE measure = '{}' ORDER BY second"
    for measure in ("happiness", "valence"):
        found = rows(store, select.format(measure))
        assert found == [(n, 41, *band(degrees[:n])) for n in range(42)]
    assert {row[2] for row in rows(store, select.format("fear"))} == {None, 0.0}
    neutral = [row[2] for row in rows(store, select.format("neutral"))]
    assert neutral == [None, *(pytest.approx(1 - statistics.mean(degrees[:n])) for n in range(1, 42))]


def band(values: Sequence[float]) -> tuple[object, ...]:
    """Mean, band and deviation, as scipy has them."""
    if not values:
        return (None, None, None, None)
    mean = pytest.approx(statistics.mean(values), abs=1e-12)
    if len(values) == 1:
        return (mean, None, None, None)
    low, high = stats.t.interval(0.95, len(values) - 1, statistics.mean(values), stats.sem(values))
    return (mean, *(pytest.approx(value, rel=1e-5) for value in (low, high, statistics.stdev(values))))


def test_groups_of_two_jobs_stay_apart(store: Store) -> None:
    for number in (1, 2):
        admit(store, start(store, number), video("a.mp4", segments=1, tags={"condition": str(number)}))
    commit(store, {"a.mp4": [frame(0.0, HAPPY)]})
    select = "SELECT job, value, n, mean FROM group_timeline WHERE measure = 'valence' ORDER BY job"
    assert rows(store, select) == [(job_id(number), str(number), 1, pytest.approx(0.4)) for number in (1, 2)]


def test_valence_of_a_group_is_the_mean_of_valences_not_the_valence_of_means(store: Store) -> None:
    angry = (0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    tags = {"condition": "A"}
    admit(store, start(store), *(video(path, segments=1, tags=tags) for path in ("a.mp4", "b.mp4")))
    commit(store, {"a.mp4": [frame(0.0, angry)], "b.mp4": [frame(0.0, SAD)]})
    expected = ((valence(angry) or math.nan) + (valence(SAD) or math.nan)) / 2
    assert rows(store, "SELECT mean FROM group_timeline WHERE measure = 'valence'") == [(pytest.approx(expected),)]


EXAMPLES = {relation.name: relation.example for relation in describe() if relation.kind == "view"}


def test_every_view_has_an_example_that_answers(store: Store) -> None:
    tags = {"participant": "P1", "condition": "A", "stimulus": "ad1"}
    admit(store, start(store), video("p01/ad1.mp4", segments=2, tags=tags))
    run_all(store)
    change(store, "UPDATE face SET track = 0")
    for name, example in EXAMPLES.items():
        assert f"FROM {name}" in example
        assert bool(rows(store, example)) is (name != "problems"), name


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM timeline WHERE media = 5",
        "SELECT * FROM timeline WHERE path = 'a.mp4'",
        "SELECT * FROM timeline WHERE analysis = 5 AND media = 5",
        "SELECT * FROM job_timeline WHERE job = 'x'",
        "SELECT * FROM job_timeline WHERE job_file = 5",
        "SELECT * FROM job_timeline WHERE media = 5",
        "SELECT * FROM tag_timeline WHERE job = 'x' AND tag = 'condition'",
    ],
)
def test_a_question_about_a_part_reads_that_part(store: Store, question: str) -> None:
    """Neither all faces nor all frames nor all files are read; what was summed up is."""
    with reading(store.engine) as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}")]
    assert [step for step in plan if step.startswith("SCAN") and step.split()[1] in {"f", "fr", "ma", "m", "jf"}] == []
