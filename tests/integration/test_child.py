"""The real child on real files: it probes and analyses, bounds itself, and outlives what it cannot hold."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.clips import Clip, identity, make
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection.catalogue import resolve as resolve_detector
from workers.events import Event, ItemDone, ItemFailed, ItemProgress, Task, TaskEnded
from workers.lane import Lane
from workers.limits import ChildLimits
from workers.messages import AnalyseBatch, ProbeBatch, ProbeResult, ProbeWork, SegmentResult, SegmentWork
from workers.scoring.catalogue import resolve as resolve_scorer

LIMITS = ChildLimits(memory_mb=400)


@pytest.fixture(scope="module")
def lane() -> Iterator[Lane]:
    """One real child with 400 MB."""
    lane = Lane(LIMITS, "cpu")
    yield lane
    lane.close()


@pytest.fixture(scope="module")
def analysis() -> AnalysisSpec:
    sampling = Sampling(interval_s=Fraction(1, 25))
    return AnalysisSpec(sampling, resolve_detector(DetectorSpec()), resolve_scorer(ScorerSpec()))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(Clip("child.mp4", frames=20), tmp_path_factory.mktemp("child"))


def probed(lane: Lane, analysis: AnalysisSpec, *paths: Path) -> list[Event]:
    works = tuple(ProbeWork(identity(path), analysis) for path in paths)
    return list(lane.run(Task(1, ProbeBatch(works))))


def plan_of(event: Event) -> ProbeResult:
    assert isinstance(event, ItemDone)
    assert isinstance(event.result, ProbeResult)
    return event.result


def work(path: Path, plan: ProbeResult, analysis: AnalysisSpec) -> SegmentWork:
    assert plan.facts is not None
    return SegmentWork(identity(path), plan.facts, plan.segments[0], analysis)


def test_a_clip_is_probed_and_analysed_with_progress_on_the_way(lane: Lane, analysis: AnalysisSpec, clip: Path) -> None:
    plan = plan_of(probed(lane, analysis, clip)[0])
    *progress, done, ended = lane.run(Task(2, AnalyseBatch((work(clip, plan, analysis),))))
    assert [event.frames for event in progress if isinstance(event, ItemProgress)] == [8, 16]
    assert isinstance(done, ItemDone)
    assert isinstance(done.result, SegmentResult)
    assert len(done.result.frames) == 20
    assert isinstance(ended, TaskEnded)
    assert ended.untouched == ()


def test_a_file_that_cannot_be_read_costs_itself_only(lane: Lane, analysis: AnalysisSpec, clip: Path) -> None:
    probed(lane, analysis, clip)
    before = lane.pid()
    empty = clip.with_name("empty.mp4")
    empty.touch()
    failed, done, _ = probed(lane, analysis, empty, clip)
    assert isinstance(failed, ItemFailed)
    assert (failed.problem.code, failed.problem.permanent) == ("media.empty", True)
    assert plan_of(done).facts is not None
    assert lane.pid() == before


def test_a_picture_too_large_for_its_memory_fails_alone_and_may_be_tried_again(
    lane: Lane, analysis: AnalysisSpec, clip: Path
) -> None:
    large, small = clip.with_name("large.png"), clip.with_name("small.png")
    Image.fromarray(np.zeros((9000, 11_000, 3), np.uint8)).save(large)
    Image.fromarray(np.zeros((90, 110, 3), np.uint8)).save(small)
    plans = [plan_of(event) for event in probed(lane, analysis, large, small)[:2]]
    photos = analysis.for_photos()
    batch = AnalyseBatch(tuple(work(path, plan, photos) for path, plan in zip((large, small), plans, strict=True)))
    failed, *rest = lane.run(Task(3, batch))
    assert isinstance(failed, ItemFailed)
    assert (failed.problem.code, failed.problem.permanent) == ("child.memory", False)
    if not isinstance(rest[0], ItemDone):  # its parent saw it grow before the system refused: a fresh child goes on
        rest = list(lane.run(Task(4, AnalyseBatch(batch.items[1:]))))
    assert isinstance(rest[0], ItemDone)


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="only Linux shows the limits of a process")
def test_a_child_at_work_is_bounded_and_runs_on_few_threads(lane: Lane, analysis: AnalysisSpec, clip: Path) -> None:
    probed(lane, analysis, clip)
    pid = lane.pid()
    assert pid is not None
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    bounds = {line[:26].strip(): line[26:].split()[:2] for line in limits}
    assert bounds["Max file size"] == ["0", "0"]
    assert bounds["Max core file size"] == ["0", "0"]
    assert bounds["Max open files"] == [str(LIMITS.open_files)] * 2
    assert "unlimited" not in bounds["Max address space"]
    assert psutil.Process(pid).num_threads() <= 4
