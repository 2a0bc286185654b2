"""One real piece of work, from end to end in a child: proof that this machine can do it."""

from dataclasses import dataclass
from importlib.resources import as_file, files

from db.derive import dominant
from db.records import Face, FileIdentity, Problem
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection import catalogue as detectors
from workers.errors import WorkError
from workers.hashing import current_identity
from workers.messages import (
    AnalyseBatch,
    Analysed,
    Failed,
    Give,
    ProbeBatch,
    Probed,
    ProbeWork,
    Reply,
    SegmentResult,
    SegmentWork,
)
from workers.process import ChildProcess
from workers.scoring import catalogue as scorers
from workers.settings import Settings

PORTRAIT = files("jobs.demo") / "portrait.jpg"
"""One face, which smiles."""


class NotAsExpected(Exception):
    """The work was done, but what came out is not what everybody else gets."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a child made of the portrait, and which guards it lacked, with the system's reasons."""

    said: str
    unheld: dict[str, str]


def look_at_portrait(settings: Settings) -> Seen:
    """Analyse the demo's portrait as a run would, and say what was seen.

    Raises WorkError, ChildFailure, ChildCannotStart, NotAsExpected.
    """
    result, unheld = _looked_at(settings, ScorerSpec(), Give.SCORES)
    faces = faces_of(result)
    if len(faces) != 1 or dominant(faces[0].scores) != "happiness":
        raise NotAsExpected(f"{len(faces)} faces were found in the packaged portrait, where there is one that smiles")
    return Seen("one face, happiness", unheld)


def analyse_portrait(settings: Settings, scorer: ScorerSpec, give: Give = Give.SCORES) -> SegmentResult:
    """What a child, started as a run starts it, makes of the demo's portrait. Raises as `look_at_portrait`."""
    return _looked_at(settings, scorer, give)[0]


def _looked_at(settings: Settings, scorer: ScorerSpec, give: Give) -> tuple[SegmentResult, dict[str, str]]:
    spec = AnalysisSpec(Sampling(), detectors.resolve(DetectorSpec()), scorers.resolve(scorer))
    with as_file(PORTRAIT) as path, ChildProcess(settings.limits, settings.device) as child:
        source = current_identity(bytes(path))
        if isinstance(source, Problem):
            raise NotAsExpected(f"the packaged portrait cannot be read: {source.reason}")
        child.wait_ready()
        return _analysed(child, source, spec, give), child.unheld


def faces_of(result: SegmentResult) -> list[Face]:
    """Every face of a result."""
    return [face for frame in result.frames for face in frame.faces]


def _analysed(child: ChildProcess, source: FileIdentity, spec: AnalysisSpec, give: Give) -> SegmentResult:
    probed = _answer(list(child.ask(ProbeBatch((ProbeWork(source, spec),)))))
    if not isinstance(probed, Probed) or probed.result.facts is None:
        raise NotAsExpected("the packaged portrait was not recognised as a photo")
    work = SegmentWork(source, probed.result.facts, probed.result.segments[0], spec.for_photos(), give)
    analysed = _answer(list(child.ask(AnalyseBatch((work,)))))
    if not isinstance(analysed, Analysed):
        raise NotAsExpected("the packaged portrait was not analysed")
    return analysed.result


def _answer(replies: list[Reply]) -> Reply | None:
    """What became of the one item. Raises WorkError where it failed."""
    for reply in replies:
        if isinstance(reply, Failed):
            problem = reply.problem
            raise WorkError(problem.code, problem.reason, problem.hint)
        if isinstance(reply, Probed | Analysed):
            return reply
    return None
