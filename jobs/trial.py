"""One real piece of work, from end to end in a child: proof that this machine can do it."""

from importlib.resources import as_file, files

from db.derive import dominant
from db.records import FileIdentity, Problem
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling, ScorerSpec
from workers.detection import catalogue as detectors
from workers.errors import WorkError
from workers.hashing import current_identity
from workers.messages import AnalyseBatch, Analysed, Failed, ProbeBatch, Probed, ProbeWork, Reply, SegmentWork
from workers.process import ChildProcess
from workers.scoring import catalogue as scorers
from workers.settings import Settings


class NotAsExpected(Exception):
    """The work was done, but what came out is not what everybody else gets."""


def look_at_portrait(settings: Settings) -> str:
    """Analyse the demo's portrait as a run would, and say what was seen.

    Raises WorkError, ChildFailure, ChildCannotStart, NotAsExpected.
    """
    spec = AnalysisSpec(Sampling(), detectors.resolve(DetectorSpec()), scorers.resolve(ScorerSpec()))
    with as_file(files("jobs.demo") / "portrait.jpg") as path, ChildProcess(settings.limits, settings.device) as child:
        source = current_identity(bytes(path))
        if isinstance(source, Problem):
            raise NotAsExpected(f"the packaged portrait cannot be read: {source.reason}")
        child.wait_ready()
        return _seen(child, source, spec)


def _seen(child: ChildProcess, source: FileIdentity, spec: AnalysisSpec) -> str:
    probed = _answer(list(child.ask(ProbeBatch((ProbeWork(source, spec),)))))
    if not isinstance(probed, Probed) or probed.result.facts is None:
        raise NotAsExpected("the packaged portrait was not recognised as a photo")
    work = SegmentWork(source, probed.result.facts, probed.result.segments[0], spec.for_photos())
    analysed = _answer(list(child.ask(AnalyseBatch((work,)))))
    if not isinstance(analysed, Analysed):
        raise NotAsExpected("the packaged portrait was not analysed")
    faces = [face for frame in analysed.result.frames for face in frame.faces]
    if len(faces) != 1 or dominant(faces[0].scores) != "happiness":
        raise NotAsExpected(f"{len(faces)} faces were found in the packaged portrait, where there is one that smiles")
    return "one face, happiness"


def _answer(replies: list[Reply]) -> Reply | None:
    """What became of the one item. Raises WorkError where it failed."""
    for reply in replies:
        if isinstance(reply, Failed):
            problem = reply.problem
            raise WorkError(problem.code, problem.reason, problem.hint)
        if isinstance(reply, Probed | Analysed):
            return reply
    return None
