"""The models a child holds: opened once, closed when another analysis comes, all closed at the end."""

from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import pytest

from workers.analysis import DetectorSpec, ScorerSpec
from workers.errors import ModelError
from workers.toolbox import Toolbox


@dataclass
class Tool:
    """Something to open and close; `spec` is what it was opened for."""

    spec: object
    open: bool = False

    def __enter__(self) -> Self:
        self.open = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.open = False


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Tool]:
    """Every tool opened so far, in order. Scorers by the name `broken` cannot be opened."""
    tools: list[Tool] = []

    def opener(spec: Any, device: str) -> Tool:
        if spec.name == "broken":
            raise ModelError("model.missing", "gone", "fetch it")
        tools.append(Tool((spec, device)))
        return tools[-1]

    monkeypatch.setattr("workers.detection.catalogue.open_detector", opener)
    monkeypatch.setattr("workers.scoring.catalogue.open_scorer", opener)
    return tools


def test_a_model_is_opened_once_for_as_long_as_the_same_analysis_comes(opened: list[Tool]) -> None:
    with Toolbox("cpu") as toolbox:
        tools = {
            id(tool) for _ in range(3) for tool in (toolbox.detector(DetectorSpec()), toolbox.scorer(ScorerSpec()))
        }
    assert len(tools) == len(opened) == 2
    assert opened[0].spec == (DetectorSpec(), "cpu")


def test_another_analysis_closes_the_model_before(opened: list[Tool]) -> None:
    with Toolbox() as toolbox:
        toolbox.detector(DetectorSpec())
        toolbox.scorer(ScorerSpec())
        toolbox.detector(replace(DetectorSpec(), max_side=320))
        assert [tool.open for tool in opened] == [False, True, True]
    assert not any(tool.open for tool in opened)


def test_a_model_that_cannot_be_opened_leaves_the_toolbox_usable(opened: list[Tool]) -> None:
    with Toolbox() as toolbox:
        toolbox.scorer(ScorerSpec())
        with pytest.raises(ModelError):
            toolbox.scorer(ScorerSpec("broken"))
        assert not opened[0].open
        toolbox.scorer(ScorerSpec())
        assert [tool.open for tool in opened] == [False, True]
