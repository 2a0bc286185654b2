"""A whole file through the heart, as a parent would have it done: probed, cut, and every segment analysed."""

from collections.abc import Callable
from pathlib import Path

from tests.clips import identity
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.messages import Give, ProbeResult, ProbeWork, SegmentResult, SegmentWork, Takes
from workers.pipeline import process_segment
from workers.toolbox import Toolbox
from workers.video.probe import probe

DEFAULT = AnalysisSpec(Sampling(), DetectorSpec(), ScorerSpec())


def unheard(done: int) -> None:
    """Progress for nobody."""
    del done


def planned(path: Path, analysis: AnalysisSpec = DEFAULT, give: Give = Give.SCORES) -> ProbeResult:
    """The facts of a file, and its segments under the analysis."""
    return probe(ProbeWork(identity(path), analysis, give))


def works(
    path: Path, analysis: AnalysisSpec = DEFAULT, give: Give = Give.SCORES, takes: Takes | None = None
) -> list[SegmentWork]:
    """What there is to do for a file."""
    plan = planned(path, analysis, give)
    assert plan.facts is not None
    spec = analysis.for_photos() if plan.facts.kind == "photo" else analysis
    return [SegmentWork(identity(path), plan.facts, segment, spec, give, takes) for segment in plan.segments]


def analysed(
    path: Path,
    analysis: AnalysisSpec = DEFAULT,
    toolbox: Toolbox | None = None,
    report: Callable[[int], None] = unheard,
    give: Give = Give.SCORES,
    takes: Takes | None = None,
) -> list[SegmentResult]:
    """Every segment's result, in order."""
    with Toolbox("cpu") as own:
        return [process_segment(work, toolbox or own, report) for work in works(path, analysis, give, takes)]
