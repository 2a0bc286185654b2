"""What needs torch and no training: the net, its graph, and how pictures are changed for it. Skipped without torch."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from training import checkpoint as checkpoints
from training.augment import augmented
from training.calibrate import Calibration, untouched
from training.checkpoint import Checkpoint
from training.export import graph_of
from training.jpeg import compressed
from training.net import NETS, Convolution, FerNet
from training.pictures import enlarged
from training.revive import NORM_OF_NEW, revived, trained, unfolded
from training.schedule import Plan
from training.scored import score
from training.trainer import predict
from training.vgg13 import vgg13
from workers.errors import SettingsError

PLAN = NETS["small"]
PICTURES = np.stack(
    [
        cv2.GaussianBlur(one, (0, 0), 3)
        for one in np.random.default_rng(1).integers(0, 256, (6, 48, 48)).astype(np.uint8)
    ]
)


def drawn(seed: int) -> "torch.Generator":
    return torch.Generator().manual_seed(seed)


def as_batch(pictures: "np.ndarray") -> "torch.Tensor":
    return torch.from_numpy(pictures)[:, None].float()


def convolutions(net: FerNet) -> "list[Convolution]":
    return [one for one in net.modules() if isinstance(one, Convolution)]


@pytest.fixture(scope="module")
def saved() -> Checkpoint:
    """A net whose batch norms have seen pictures, as a checkpoint."""
    torch.manual_seed(1)
    net = FerNet(PLAN).train()
    net(as_batch(enlarged(PICTURES)))
    state = net.state_dict()
    return Checkpoint(
        Plan(), PLAN, parts_done=8, losses=[2.0], step=1, net=state, average=state, optimizer={}, data_sha256="none"
    )


@pytest.mark.parametrize("half", [False, True], ids=["whole", "halves"])
def test_the_graph_says_what_the_net_says(saved: Checkpoint, half: bool) -> None:
    said = score(graph_of(saved, untouched(), {}, half=half), enlarged(PICTURES)).logits
    assert said == pytest.approx(predict(saved.average_net(), PICTURES), abs=0.01)


@pytest.mark.parametrize("half", [False, True], ids=["whole", "halves"])
def test_a_net_revived_from_its_graph_says_what_the_graph_says(saved: Checkpoint, half: bool) -> None:
    calibration = Calibration(scales=np.linspace(0.5, 2, 8), shifts=np.linspace(-1, 1, 8))
    graph = graph_of(saved, calibration, {}, half=half)
    net = revived(graph)
    assert (net.plan.side_px, net.plan.stem, net.plan.widths, net.plan.depths) == (
        PLAN.side_px,
        PLAN.stem,
        PLAN.widths,
        PLAN.depths,
    )
    assert predict(net, PICTURES) == pytest.approx(score(graph, enlarged(PICTURES)).logits, abs=1e-3)


def test_a_net_that_is_trained_further_says_the_same_and_normalises_again(saved: Checkpoint) -> None:
    graph = graph_of(saved, untouched(), {}, half=False)
    shown = as_batch(enlarged(PICTURES))
    net = unfolded(revived(graph), shown)
    assert predict(net, PICTURES) == pytest.approx(predict(revived(graph), PICTURES), abs=1e-4)
    still = FerNet(replace(net.plan, drop_path=0.0, dropout=0.0))
    still.load_state_dict(net.state_dict())
    with torch.no_grad():
        while_training, after = still.train()(shown), net(shown)
    assert while_training.numpy() == pytest.approx(after.numpy(), abs=1e-3), "norms do on these pictures what they did"
    lengths = [one[0].weight.square().sum((1, 2, 3)).mean().item() for one in convolutions(net)]
    assert lengths == pytest.approx([NORM_OF_NEW] * len(lengths))


def test_a_net_that_never_was_folded_is_left_as_it_is(saved: Checkpoint) -> None:
    net = unfolded(saved.average_net(), as_batch(enlarged(PICTURES)))
    for name, value in saved.average_net().state_dict().items():
        assert torch.equal(value, net.state_dict()[name]), name


def test_a_graph_of_another_kind_teaches_nobody(tmp_path: Path) -> None:
    (tmp_path / "paper.onnx").write_bytes(vgg13())
    (tmp_path / "text.onnx").write_text("weights")
    for name in ("paper.onnx", "text.onnx"):
        with pytest.raises(SettingsError, match="is no graph of"):
            trained(tmp_path / name)


@pytest.mark.parametrize("name", NETS)
def test_every_net_takes_small_and_whole_pictures(name: str) -> None:
    net = FerNet(NETS[name]).eval()
    for side in (32, 48, 64):
        assert net(torch.zeros(1, 1, side, side)).shape == (1, 8)


def test_changed_pictures_stay_pictures_and_differ_from_draw_to_draw() -> None:
    one, same, other = (augmented(as_batch(PICTURES), 64, drawn(seed)) for seed in (1, 1, 2))
    assert one.shape == (6, 1, 64, 64)
    assert float(one.min()) >= 0
    assert float(one.max()) <= 255
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_changing_pictures_leaves_the_originals_alone() -> None:
    batch = as_batch(PICTURES)
    for seed in range(5):
        augmented(batch, 48, drawn(seed))
    assert torch.equal(batch, as_batch(PICTURES))


@pytest.mark.parametrize("quality", [20, 50, 80])
def test_jpeg_loses_what_an_encoder_loses(quality: int) -> None:
    lost = compressed(as_batch(PICTURES), torch.full((6,), float(quality)))[:, 0].numpy()
    encoded = [cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for one in PICTURES]
    expected = np.stack([cv2.imdecode(one, cv2.IMREAD_GRAYSCALE) for one in encoded]).astype(float)
    assert np.abs(lost - expected).mean() < 1


def test_a_checkpoint_comes_back_as_it_was(saved: Checkpoint, tmp_path: Path) -> None:
    checkpoints.save(tmp_path / "checkpoint.pt", saved)
    back = checkpoints.load(tmp_path / "checkpoint.pt")
    assert (back.plan, back.net_plan, back.epochs_done, back.data_sha256) == (saved.plan, PLAN, 1, "none")
    assert all(torch.equal(back.net[name], value) for name, value in saved.net.items())
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("weights")
    torch.save({"format": 0}, tmp_path / "old.pt")
    for name in ("text.pt", "old.pt", "missing.pt"):
        with pytest.raises(SettingsError, match="is no checkpoint"):
            checkpoints.load(tmp_path / name)
