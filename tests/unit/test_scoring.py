"""The scorers one by one: FER+ is what ONNX Runtime gives by hand, `none` gives nothing, others come by entry point."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from db.emotions import EMOTIONS
from db.records import Frame
from tests.support import thirdparty
from tests.support.faces import face
from workers.analysis import DetectorSpec, ScorerSpec
from workers.detection.catalogue import open_detector
from workers.errors import ModelError
from workers.models.catalogue import card_of, load_verified, path_of
from workers.scoring.batches import SCORE_BATCH, Pool, Scoring
from workers.scoring.catalogue import open_scorer, resolve, scorers
from workers.scoring.ferplus import FerPlus, FerPlusZoo, softmax
from workers.sessions.ort import OrtSession
from workers.stages import Stages


def crops(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (count, 64, 64), np.uint8)


def fixed_graph(outputs: int = 8, batch: int | str = 1) -> bytes:
    """A model on the FER+ contract that takes one face a run, as the zoo's does: it counts gray in eight stripes."""
    weights = np.zeros((64 * 64, outputs), np.float32)
    for column in range(outputs):
        weights[column::outputs, column] = 1e-4
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["Input3"], ["flat"], axis=1),
            helper.make_node("MatMul", ["flat", "weights"], ["Plus692_Output_0"]),
        ],
        "zoo-like",
        [helper.make_tensor_value_info("Input3", TensorProto.FLOAT, [batch, 1, 64, 64])],
        [helper.make_tensor_value_info("Plus692_Output_0", TensorProto.FLOAT, [batch, outputs])],
        [helper.make_tensor("weights", TensorProto.FLOAT, weights.shape, weights.ravel().tolist())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    raw: bytes = model.SerializeToString()
    return raw


def test_ferplus_is_what_onnx_runtime_gives_by_hand() -> None:
    faces = crops(20)
    session = onnxruntime.InferenceSession(str(path_of(card_of("ferplus"))), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"faces": faces[:, None].astype(np.float32)})
    powers = np.exp(logits.astype(np.float64))
    with open_scorer(ScorerSpec("ferplus"), "cpu") as scorer:
        np.testing.assert_allclose(scorer.score(faces), powers / powers.sum(1, keepdims=True), rtol=0, atol=1e-5)


def test_ferplus_scores_no_faces_as_none() -> None:
    with FerPlus(ScorerSpec()) as scorer:
        assert scorer.score(crops(0)).shape == (0, 8)


@pytest.mark.parametrize("batch", [1, 3, 16, 64])
def test_ferplus_does_not_depend_on_its_batch(batch: int) -> None:
    faces = crops(50)
    with FerPlus(ScorerSpec(), batch=batch) as some, FerPlus(ScorerSpec(), batch=50) as all_at_once:
        np.testing.assert_allclose(some.score(faces), all_at_once.score(faces), rtol=0, atol=1e-5)


def test_a_model_that_takes_one_face_a_run_is_given_one() -> None:
    with FerPlusZoo(ScorerSpec("ferplus-zoo"), "cpu", model=fixed_graph()) as scorer:
        rows = scorer.score(crops(5))
    assert rows.shape == (5, 8)
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_a_model_that_gives_seven_classes_is_refused() -> None:
    graph = fixed_graph(outputs=7, batch="n")
    with FerPlus(ScorerSpec(), "cpu", model=graph) as scorer, pytest.raises(ModelError) as caught:
        scorer.score(crops(2))
    assert caught.value.problem.code == "model.contract"


def test_a_model_that_cannot_take_the_batch_is_an_error_of_ours() -> None:
    with FerPlus(ScorerSpec(), "cpu", model=fixed_graph()) as scorer, pytest.raises(ModelError) as caught:
        scorer.score(crops(2))
    assert caught.value.problem.code == "model.failed"


def test_text_is_no_model() -> None:
    with pytest.raises(ModelError) as caught:
        OrtSession(b"<html>404</html>", "ferplus")
    assert caught.value.problem.code == "model.failed"
    assert "moodreel models verify" in caught.value.problem.hint


@pytest.mark.parametrize("device", ["cuda", "abacus"])
def test_a_device_that_is_not_here_is_named_with_those_that_are(device: str) -> None:
    if device == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("it is here")
    with pytest.raises(ModelError) as caught:
        OrtSession(load_verified("yunet"), "yunet", device)
    assert caught.value.problem.code == "model.device"
    assert "CPUExecutionProvider" in caught.value.problem.reason


def test_softmax_is_stable_for_logits_of_any_size() -> None:
    rows = softmax(np.array([[1e4, 0, -1e4], [-1e4, -1e4, -1e4], [0.0, np.log(2), np.log(5)]], np.float32))
    np.testing.assert_allclose(rows, [[1, 0, 0], [1 / 3] * 3, [1 / 8, 2 / 8, 5 / 8]], atol=1e-6)
    assert rows.dtype == np.float32


def scored(name: str, faces: int) -> tuple[Frame, ...]:
    with open_scorer(ScorerSpec(name)) as scorer:
        scoring = Scoring(scorer, Stages())
        found = tuple(face(100.0 * at, 100, 50) for at in range(faces))
        scoring.add(Frame(0, 0.0, found), list(crops(faces)))
        return scoring.finish()


def test_the_scorer_none_leaves_scores_out() -> None:
    (frame,) = scored("none", 3)
    assert [one.scores for one in frame.faces] == [None, None, None]


def test_the_scorer_ferplus_gives_plain_floats_in_the_order_of_the_emotions() -> None:
    (frame,) = scored("ferplus", 2)
    for one in frame.faces:
        assert one.scores is not None
        assert len(one.scores) == len(EMOTIONS)
        assert {type(value) for value in one.scores} == {float}


def test_crops_of_many_frames_are_scored_together_and_come_back_to_their_faces() -> None:
    sizes: list[int] = []

    class Counting:
        def score(self, given: NDArray[np.uint8]) -> NDArray[np.float32]:
            sizes.append(len(given))
            rows = np.zeros((len(given), 8), np.float32)
            rows[:, 0] = given[:, 0, 0] / 255
            rows[:, 1] = 1 - rows[:, 0]
            return rows

    scoring = Scoring(Counting(), Stages())  # type: ignore[arg-type]
    counts = [at % 5 for at in range(80)]
    number = 0
    for pts, count in enumerate(counts):
        marked = [np.full((64, 64), (number + at) % 256, np.uint8) for at in range(count)]
        number += count
        scoring.add(Frame(pts, 0.0, tuple(face(0, 0, 10) for _ in range(count))), marked)
    frames = scoring.finish()
    assert [len(frame.faces) for frame in frames] == counts
    scores = [one.scores for frame in frames for one in frame.faces]
    assert [round(row[0] * 255) for row in scores if row] == [at % 256 for at in range(number)]
    assert all(SCORE_BATCH <= size < SCORE_BATCH + 5 for size in sizes[:-1])


def test_a_scorer_of_another_package_comes_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thirdparty.install(tmp_path, brightness="moodreel_brightness:Brightness", ferplus="moodreel_brightness:Brightness")
    monkeypatch.syspath_prepend(tmp_path)
    assert scorers()["brightness"].description == "from moodreel-brightness 1.0"
    assert scorers()["ferplus"].model == "ferplus"  # ours cannot be replaced
    (frame,) = scored("brightness", 2)
    assert all(one.scores is not None for one in frame.faces)


def test_another_version_of_a_package_makes_another_analysis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for version in ("1.0", "2.0"):
        folder = tmp_path / version
        folder.mkdir()
        thirdparty.install(folder, version, brightness="moodreel_brightness:Brightness")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(folder)
            digests.append(resolve(ScorerSpec("brightness")).model_sha256)
    assert len(set(digests)) == 2
    assert all(len(digest) == 64 for digest in digests)


@pytest.mark.parametrize("target", ["moodreel_brightness:Missing", "no_such_module_here:Scorer"])
def test_an_entry_point_that_leads_nowhere_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    thirdparty.install(tmp_path, broken=target)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError) as caught:
        open_scorer(ScorerSpec("broken"))
    assert caught.value.problem.code == "scorer.broken"
    assert "moodreel-brightness 1.0" in caught.value.problem.reason


@pytest.mark.parametrize("kind", ["TooFew", "Seven", "Logits", "NotANumber"])
def test_answers_that_are_no_probabilities_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    thirdparty.install(tmp_path, wrong=f"moodreel_brightness:{kind}")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError) as caught:
        scored("wrong", 3)
    assert caught.value.problem.code == "scorer.contract"


def test_unknown_names_are_named_with_those_we_know() -> None:
    with pytest.raises(ModelError) as scorer:
        resolve(ScorerSpec("nonsense"))
    assert "ferplus-zoo" in scorer.value.problem.hint
    with pytest.raises(ModelError) as detector:
        open_detector(DetectorSpec("nonsense"))
    assert "yunet" in detector.value.problem.hint


def test_weights_that_the_analysis_did_not_ask_for_are_refused() -> None:
    with pytest.raises(ModelError) as scorer:
        open_scorer(ScorerSpec("ferplus", model_sha256="0" * 64))
    with pytest.raises(ModelError) as detector:
        open_detector(DetectorSpec("yunet", model_sha256="0" * 64))
    assert scorer.value.problem.code == detector.value.problem.code == "model.other"


class Fussy:
    """Scores by brightness, keeps account of its batches, and cannot stand black."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __enter__(self) -> "Fussy":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.batches.append(len(crops))
        brightness = crops.reshape(len(crops), -1).mean(axis=1) / 255
        if not brightness.all():
            raise ZeroDivisionError("black")
        rows = np.zeros((len(crops), 8), np.float32)
        rows[:, 0], rows[:, 1] = brightness, 1 - brightness
        return rows


def waiting(pool: Pool, scorer: Fussy, *grays: int) -> Scoring:
    """A photo with a face of each of these grays."""
    scoring = Scoring(scorer, Stages(), pool)
    pieces = [np.full((64, 64), gray, np.uint8) for gray in grays]
    scoring.add(Frame(0, 0.0, tuple(face(gray, 0, 9) for gray in grays)), pieces)
    return scoring


def neutral(frames: tuple[Frame, ...]) -> list[float]:
    return [round(255 * one.scores[0]) for frame in frames for one in frame.faces if one.scores is not None]


def test_faces_of_several_photos_are_scored_together_and_come_back_to_their_photos() -> None:
    pool, scorer = Pool(), Fussy()
    photos = [waiting(pool, scorer, *grays) for grays in ((10, 20), (), (30,))]
    assert [neutral(photo.finish()) for photo in photos] == [[10, 20], [], [30]]
    assert scorer.batches == [3]


def test_a_face_that_a_scorer_stumbles_over_costs_no_other_photo_its_scores() -> None:
    pool, scorer = Pool(), Fussy()
    before, bad, after = (waiting(pool, scorer, *grays) for grays in ((10, 20), (0, 99), (30,)))
    assert neutral(before.finish()) == [10, 20]
    with pytest.raises(ZeroDivisionError, match="black"):
        bad.finish()
    assert neutral(after.finish()) == [30]
    assert scorer.batches == [5, 2, 2, 1]


def test_a_crowd_is_scored_at_once_and_takes_along_who_waits() -> None:
    pool, scorer = Pool(), Fussy()
    first = waiting(pool, scorer, 7)
    crowd = waiting(pool, scorer, *[8] * SCORE_BATCH)
    assert scorer.batches == [SCORE_BATCH + 1]
    assert (neutral(first.finish()), neutral(crowd.finish())) == ([7], [8] * SCORE_BATCH)
    assert scorer.batches == [SCORE_BATCH + 1]
