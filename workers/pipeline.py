"""The heart: one segment in, its frames and faces out. Knows no queue, no database, no key and no network."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from workers.analysis import PIPELINE_REVISION
from workers.enclosures import Gathering, HandOver
from workers.errors import WorkError
from workers.giving import Giver, giver_of
from workers.messages import SegmentResult, SegmentWork
from workers.scoring.batches import SCORE, Pool
from workers.stages import Stages
from workers.toolbox import Toolbox
from workers.video.source import open_source


def process_segment(
    work: SegmentWork, toolbox: Toolbox, report: Callable[[int], None], hand_over: HandOver | None = None
) -> SegmentResult:
    """Analyse one segment: decode, detect, crop, and score or give what will be scored elsewhere.

    `report` hears the number of frames done so far. What is given beside the frames goes to `hand_over` as soon as it
    is some megabytes, and the result holds the rest; without it the result holds all. Raises WorkError where the file
    or a model is at fault: what was handed over is void then.
    """
    return look_at(work, toolbox, report, hand_over).result()


def look_at(
    work: SegmentWork,
    toolbox: Toolbox,
    report: Callable[[int], None],
    hand_over: HandOver | None = None,
    pool: Pool | None = None,
) -> "Looked":
    """The first part of `process_segment`: its faces wait in `pool`, if given, to be scored with those of others."""
    started_cpu_s = time.process_time()
    _check_revision(work)
    stages = Stages()
    gathering = Gathering(work.give, hand_over)
    with stages.timed("load"):
        giver = giver_of(work, toolbox, stages, gathering, pool)
    done = 0
    with ExitStack() as stack:
        with stages.timed("decode"):
            source = stack.enter_context(open_source(work))
        for picture in stages.each("decode", iter(source)):
            giver.take(picture)
            del picture  # a large frame is not kept while the next one is decoded
            done += 1
            report(done)
        fallbacks = source.fallbacks
    return Looked(
        giver, gathering, stages, fallbacks, time.process_time() - started_cpu_s, stages.seconds.get(SCORE, 0.0)
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """A segment whose frames were all seen. No pixels of them are held, but for what is given."""

    giver: Giver
    gathering: Gathering
    stages: Stages
    fallbacks: int
    cpu_s: float
    """Spent so far, scoring included as far as it was done."""
    scored_s: float

    def result(self) -> SegmentResult:
        """All that the segment gave. Raises WorkError where the scorer is at fault."""
        frames, rest = self.giver.finish(), self.gathering.rest()
        return SegmentResult(
            frames=frames,
            fallbacks=self.fallbacks,
            cpu_s=self.cpu_s + self.stages.seconds.get(SCORE, 0.0) - self.scored_s,
            stages_s=self.stages.seconds,
            crops=rest.crops,
            cutouts=rest.cutouts,
            wholes=rest.wholes,
        )


def _check_revision(work: SegmentWork) -> None:
    """Results of two revisions are never mixed under one analysis."""
    asked = work.analysis.pipeline_revision
    if asked != PIPELINE_REVISION:
        raise WorkError(
            "analysis.revision",
            f"it was submitted for revision {asked} of the analysis; this program is revision {PIPELINE_REVISION}",
            "submit the files again, or run it with the version of moodreel that submitted it",
            permanent=False,
        )
