"""The commands that measure a model, on the packaged one and a few pictures: what they print, and how they end."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from db.emotions import EMOTIONS
from training import evaluate, robustness, speed
from training.commands import run
from training.data import Faces, save
from workers.models.catalogue import card_of, path_of

MODEL = str(path_of(card_of("ferplus")))
COUNT = 18


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    random = np.random.default_rng(1)
    votes = (10 * np.eye(10)[np.arange(COUNT) % 8]).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "faces.npz"
    save(path, Faces(random.integers(0, 256, (COUNT, 48, 48)).astype(np.uint8), votes), [""] * COUNT)
    return str(path)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command's `main` with arguments; its exit code."""

    def call(main: Callable[[], int], *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["command", *arguments])
        with pytest.raises(SystemExit) as left:
            run(main)
        code = left.value.code
        assert isinstance(code, int)
        return code

    return call


def test_a_model_is_measured_in_json_and_drawn(
    called: Callable[..., int], data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chart = tmp_path / "confusion.svg"
    assert called(evaluate.main, MODEL, "--data", data, "--json", "--chart", str(chart)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["faces"], set(told["recall"])) == (COUNT, set(EMOTIONS))
    assert sum(map(sum, told["confusion"])) == COUNT
    assert told["ms_a_face"] > 0
    assert chart.read_text().startswith("<svg")


def test_robustness_tells_what_each_change_costs(
    called: Callable[..., int], data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = called(robustness.main, MODEL, "--data", data, "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["as they are"]["lost"] == 0
    assert code == int(any(one["lost"] > robustness.MOST_LOST for one in told.values()))


def test_speed_is_told_beside_the_papers_net(called: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    code = called(speed.main, MODEL, "--rounds", "2", "--batch", "2", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["vgg13_ms"] > told["model_ms"] > 0
    assert code == int(told["model_ms"] > speed.MOST_MS or told["ratio"] < speed.LEAST_RATIO)


@pytest.mark.parametrize("wrong", ["missing.onnx", "text.onnx"])
def test_what_is_no_model_ends_with_a_remedy(
    called: Callable[..., int], data: str, tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.onnx").write_text("logits")
    assert called(evaluate.main, str(tmp_path / wrong), "--data", data) == 2
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "hint: give an ONNX file on the FER+ contract"
    assert told[-2].startswith("error: ")
