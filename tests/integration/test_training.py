"""Trainings on a few pictures: one curve, stopped or not, and a model at the end. Skipped without torch."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")

from training import checkpoint as checkpoints
from training.data import Faces, save
from training.export import main as export
from training.measures import measure
from training.pictures import enlarged
from training.revive import origin
from training.schedule import Plan
from training.scored import score
from training.train import Going, train
from training.train import main as train_as_told
from workers.errors import SettingsError

PLAN = Plan(epochs=3, parts=2, batch=8, warmup_epochs=1)


def faces(count: int, seed: int) -> Faces:
    """Pictures whose emotion is how bright they are."""
    random = np.random.default_rng(seed)
    emotion = np.arange(count) % 8
    images = np.clip(random.normal(30 * emotion[:, None, None] + 20, 10, (count, 48, 48)), 0, 255).astype(np.uint8)
    return Faces(images, (10 * np.eye(10)[emotion]).astype(np.uint8))


TRAIN, VALID = faces(24, seed=1), faces(16, seed=2)


def curve(folder: Path) -> list[dict[str, float]]:
    """What the log says, but for the time that it took."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(PLAN, TRAIN, VALID, folder)
    return folder


def test_the_log_has_a_line_an_epoch(trained: Path) -> None:
    assert [line["epoch"] for line in curve(trained)] == [1, 2, 3]


def test_stopped_and_resumed_it_goes_the_same_way(trained: Path, tmp_path: Path) -> None:
    train(PLAN, TRAIN, VALID, tmp_path, Going(until=1))
    assert len(curve(tmp_path)) == 1
    train(PLAN, TRAIN, VALID, tmp_path, Going(resume=True))
    assert curve(tmp_path) == curve(trained)


def test_another_seed_goes_another_way(trained: Path, tmp_path: Path) -> None:
    train(
        Plan(**{**{name: getattr(PLAN, name) for name in Plan.__slots__}, "seed": 2}),
        TRAIN,
        VALID,
        tmp_path,
        Going(until=1),
    )
    assert curve(tmp_path)[0]["loss"] != curve(trained)[0]["loss"]


def test_a_training_is_neither_overwritten_nor_taken_for_another(trained: Path) -> None:
    with pytest.raises(SettingsError, match="exists already"):
        train(PLAN, TRAIN, VALID, trained)
    with pytest.raises(SettingsError, match="of another plan or other data"):
        train(Plan(epochs=4), TRAIN, VALID, trained, Going(resume=True))
    with pytest.raises(SettingsError, match="of another plan or other data"):
        train(PLAN, VALID, VALID, trained, Going(resume=True))


def test_a_teacher_is_listened_to(trained: Path, tmp_path: Path) -> None:
    train(PLAN, TRAIN, VALID, tmp_path, Going(until=1, teachers=(trained / "checkpoint.pt",)))
    assert curve(tmp_path)[0]["loss"] != curve(trained)[0]["loss"]


def test_a_net_that_is_not_there_is_missed_before_anything_is_learnt(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.pt"
    for going in (Going(begin=nowhere), Going(teachers=(nowhere,))):
        with pytest.raises(SettingsError, match="cannot be read"):
            train(PLAN, TRAIN, VALID, tmp_path / "run", going)


def test_a_training_begins_with_a_net_and_says_so(trained: Path, tmp_path: Path) -> None:
    begin, exported = trained / "checkpoint.pt", tmp_path / "model.onnx"
    exported.write_bytes(b"a graph")
    going, careful = Going(until=1, begin=begin), replace(PLAN, rate=1e-9)
    train(careful, TRAIN, VALID, tmp_path, going)
    train(careful, TRAIN, VALID, tmp_path, replace(going, resume=True, until=2))
    saved, wanted = checkpoints.load(tmp_path / "checkpoint.pt"), checkpoints.load(begin).average
    for name in ("stem.0.0.weight", "blocks.3.second.0.weight", "head.weight"):
        assert saved.net[name].numpy() == pytest.approx(wanted[name].numpy(), abs=1e-4), name
    assert (saved.epochs_done, saved.begun_with) == (2, "random weights, 3 epochs on")
    assert saved.origin == "random weights, 3 epochs on, 2 epochs on"
    assert origin(exported) == f"the model of SHA-256 {sha256(exported.read_bytes()).hexdigest()}"
    with pytest.raises(SettingsError, match="of another plan or other data"):
        train(careful, TRAIN, VALID, tmp_path, Going(resume=True, teachers=(begin,)))
    with pytest.raises(SettingsError, match="holds no net of the shape 'large'"):
        train(replace(PLAN, net="large"), TRAIN, VALID, tmp_path / "large", going)


def test_a_model_comes_of_it_that_says_where_it_is_from(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "valid.npz", VALID, [""] * len(VALID))
    arguments = [str(trained / "checkpoint.pt"), "--valid", str(tmp_path / "valid.npz"), "--version", "7"]
    monkeypatch.setattr(sys, "argv", ["export", *arguments, "--date", "2026-01-31", "--out", str(tmp_path / "m.onnx")])
    assert export() == 0
    model = (tmp_path / "m.onnx").read_bytes()
    facts = {one.key: one.value for one in onnx.load_from_string(model).metadata_props}
    assert (facts["version"], facts["date"], facts["data"]) == ("7", "2026-01-31", "FER+ train (arXiv:1608.01041)")
    measured = measure(score(model, enlarged(VALID.images)).logits, VALID.votes)
    assert json.loads(facts["valid"])["accuracy"] == pytest.approx(measured.accuracy, abs=1e-4)


def test_killed_at_any_moment_it_leaves_a_checkpoint_to_go_on_from(trained: Path, tmp_path: Path) -> None:
    for name, data in (("train", TRAIN), ("valid", VALID)):
        save(tmp_path / f"{name}.npz", data, [""] * len(data))
    plan = [
        "--epochs",
        str(PLAN.epochs),
        "--parts",
        "2",
        "--batch",
        "8",
        "--warmup-epochs",
        "1",
        "--precision",
        PLAN.precision,
    ]
    files = ["--data", str(tmp_path / "train.npz"), "--valid", str(tmp_path / "valid.npz"), "--out", str(tmp_path)]
    command = [sys.executable, "-m", "training.train", *files, *plan]
    running = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    while not (tmp_path / "checkpoint.pt").exists():
        assert running.poll() is None
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    subprocess.run([*command, "--resume"], cwd=Path(__file__).parents[2], check=True)
    assert curve(tmp_path) == curve(trained)


def test_a_precision_that_there_is_not_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [word for name in ("data", "valid", "out") for word in (f"--{name}", str(tmp_path / name))]
    monkeypatch.setattr(sys, "argv", ["train", *files, "--precision", "float16"])
    with pytest.raises(SettingsError) as refused:
        train_as_told()
    assert refused.value.hint == "give one of: auto, float32, bfloat16"
