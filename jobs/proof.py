"""Whether an installed scorer keeps to what every scorer promises, and works where a run puts it: in a child."""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import partial

from jobs.errors import UsageError
from jobs.trial import NotAsExpected, analyse_portrait, faces_of
from workers.analysis import ScorerSpec
from workers.errors import MODEL_FAULTS, WorkError
from workers.failures import ChildCannotStart, ChildFailure
from workers.messages import Give
from workers.scoring.catalogue import open_scorer, resolve, scorers
from workers.scoring.contract import Outcome, run_checks
from workers.settings import Settings

IN_A_CHILD = "It analyses a portrait in a child process, within the limits of a run"


def prove(name: str, settings: Settings) -> Iterator[Outcome]:
    """Every promise of the scorer `name`, one after the other, as each is tried.

    What a stranger's scorer prints goes to stderr. Raises ModelError for a name that we do not know and for a model
    that is not here, UsageError for a service.
    """
    spec = resolve(ScorerSpec(name))
    if scorers()[name].give is not Give.SCORES:
        raise UsageError(
            f"{name} is a service: nothing of it runs here", f"`moodreel doctor --service {name}` tries it"
        )
    return _prove(spec, settings)


def _prove(spec: ScorerSpec, settings: Settings) -> Iterator[Outcome]:
    outcomes = run_checks(partial(open_scorer, spec, settings.device))
    while True:
        with redirect_stdout(sys.stderr):
            outcome = next(outcomes, None)
        if outcome is None:
            break
        yield outcome
    yield Outcome(IN_A_CHILD, _why_not_in_a_child(spec, settings))


def _why_not_in_a_child(spec: ScorerSpec, settings: Settings) -> str | None:
    try:
        found = len(faces_of(analyse_portrait(settings, spec)))
    except WorkError as error:
        if error.problem.code in MODEL_FAULTS:
            raise
        return error.problem.reason
    except (ChildCannotStart, ChildFailure, NotAsExpected) as error:
        return str(error)
    return None if found == 1 else f"{found} faces came back of one"
