"""What every scorer that runs here must keep to: ours do, a stranger's does, and each check can tell one that does not.

Whoever writes a scorer has the same checks without this checkout: `moodreel scorers --check NAME`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support import thirdparty
from workers.analysis import ScorerSpec
from workers.errors import ModelError
from workers.messages import Give
from workers.models.catalogue import card_of
from workers.models.status import Presence, verify
from workers.scoring.base import EmotionScorer
from workers.scoring.catalogue import open_scorer, resolve, scorers
from workers.scoring.contract import CHECKS, Check, Outcome, run_checks

EXAMPLE = "brightness"
"""Not installed: `opener` installs it, to run the contract on a scorer of others."""
NAMES = [*(name for name, card in scorers().items() if card.give is Give.SCORES), EXAMPLE]

Installed = Callable[[str], Callable[[], EmotionScorer]]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Installs the stranger's distribution; gives what opens the scorer of one of its classes."""

    def install(kind: str) -> Callable[[], EmotionScorer]:
        thirdparty.install(tmp_path, **{EXAMPLE: f"moodreel_brightness:{kind}"})
        monkeypatch.syspath_prepend(tmp_path)
        return partial(open_scorer, resolve(ScorerSpec(EXAMPLE)), "cpu")

    return install


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.promise)
@pytest.mark.parametrize("name", NAMES)
def test_a_scorer_keeps_its_promises(name: str, check: Check, installed: Installed) -> None:
    if name == EXAMPLE:
        check.prove(installed("Brightness"))
        return
    model = scorers()[name].model
    if model is not None and verify(card_of(model)).presence is not Presence.PRESENT:
        pytest.skip(f"the model {model} was never fetched")
    check.prove(partial(open_scorer, resolve(ScorerSpec(name)), "cpu"))


ALL = tuple(check.promise for check in CHECKS)
OPENS, PROBABILITIES, ALL_OR_NONE, COMPANY, AGAIN, CROPS = ALL


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        ("OpensOnce", dict.fromkeys(ALL, "RuntimeError: opened before")),
        ("OpensAlone", {AGAIN: "open elsewhere"}),
        ("CannotClose", dict.fromkeys(ALL, "cannot close")),
        ("HidesErrors", {OPENS: "hides errors"}),
        ("Raises", dict.fromkeys(ALL, "RuntimeError: no luck")),
        ("TooFew", {PROBABILITIES: "shape (0, 8)", COMPANY: "shape (0, 8) instead of (69, 8)"}),
        ("Seven", {PROBABILITIES: "shape (1, 7)"}),
        ("Lists", {PROBABILITIES: "a list"}),
        ("Double", {PROBABILITIES: "float64"}),
        ("Logits", {PROBABILITIES: "from 3.0 to 3.0"}),
        ("PerCent", {PROBABILITIES: "from 12.5 to 12.5"}),
        ("SumsToHalf", {PROBABILITIES: "sums from 0.5 to 0.5"}),
        ("NotANumber", {PROBABILITIES: "from nan to nan"}),
        ("OnlyTheBright", {ALL_OR_NONE: "gave None for another"}),
        ("OnlyTogether", {COMPANY: "whether 1 or 70 faces come together"}),
        ("Relative", {COMPANY: "get other scores in batches of 1"}),
        ("Backwards", {COMPANY: "get other scores in batches of 1"}),
        ("Drifts", {COMPANY: "get other scores", AGAIN: "it gave other scores"}),
        ("Individual", {AGAIN: "from another instance"}),
        ("Paints", {CROPS: "wrote into the crops"}),
        ("WantsWritable", {CROPS: "read-only"}),
    ],
)
def test_each_check_can_tell_a_scorer_that_breaks_its_promise(
    kind: str, broken: dict[str, str], installed: Installed
) -> None:
    outcomes = list(run_checks(installed(kind)))
    assert [one.promise for one in outcomes] == [check.promise for check in CHECKS]
    told = {one.promise: one.reason for one in outcomes if one.reason is not None}
    assert set(told) == set(broken)
    for promise, words in broken.items():
        assert words in told[promise]


def test_a_scorer_that_cannot_be_loaded_breaks_every_promise_and_the_reason_names_its_package(
    installed: Installed,
) -> None:
    outcomes = list(run_checks(installed("Missing")))
    assert len(outcomes) == len(CHECKS)
    assert all("moodreel-brightness 1.0" in str(one.reason) for one in outcomes)


def test_a_model_that_is_not_here_is_no_fault_of_the_scorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODREEL_MODEL_CACHE", str(tmp_path))
    outcomes: list[Outcome] = []
    with pytest.raises(ModelError) as failed:
        outcomes.extend(run_checks(partial(open_scorer, resolve(ScorerSpec("ferplus-zoo")), "cpu")))
    assert failed.value.problem.code == "model.missing"
    assert not outcomes
