"""The models we know: what their cards say is true of the files, and nothing but the right file is ever loaded."""

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from workers.errors import ModelError
from workers.models import catalogue
from workers.models.catalogue import MODELS, ModelCard, Origin, card_of, load_verified, path_of, read_verified
from workers.models.status import Presence, verify, verify_all

HERE = [card for card in MODELS.values() if card.origin is not Origin.DOWNLOAD]
DOWNLOADED = card_of("ferplus-zoo")


@pytest.mark.parametrize("card", HERE, ids=lambda card: card.name)
def test_models_that_come_with_packages_are_present(card: ModelCard, tmp_path: Path) -> None:
    status = verify(card, tmp_path)
    assert status.presence is Presence.PRESENT
    assert status.problem is None
    assert status.path is not None
    assert status.path.stat().st_size == card.size


def test_a_model_that_was_never_fetched_is_missing_and_says_how_to_get_it(tmp_path: Path) -> None:
    status = verify(DOWNLOADED, tmp_path)
    assert status.presence is Presence.MISSING
    assert status.path == tmp_path / DOWNLOADED.file
    assert status.problem is not None
    assert status.problem.code == "model.missing"
    assert "moodreel models fetch ferplus-zoo" in status.problem.hint


@pytest.mark.parametrize("size", [0, 60, DOWNLOADED.size])
def test_a_file_that_is_not_the_model_is_damaged(tmp_path: Path, size: int) -> None:
    (tmp_path / DOWNLOADED.file).write_bytes(bytes(size))
    status = verify(DOWNLOADED, tmp_path)
    assert status.presence is Presence.DAMAGED
    assert status.problem is not None
    assert "moodreel models fetch" in status.problem.hint


def test_every_model_is_listed(tmp_path: Path) -> None:
    assert [status.card.name for status in verify_all(tmp_path)] == list(MODELS)


def test_a_carrier_that_is_not_installed_is_a_missing_model() -> None:
    stray = dataclasses.replace(card_of("yunet"), source="no-such-distribution-here")
    status = verify(stray)
    assert status.presence is Presence.MISSING
    assert status.problem is not None
    assert "no-such-distribution-here" in status.problem.hint


def test_a_folder_in_place_of_a_model_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        read_verified(card_of("ferplus"), tmp_path)


def test_an_unknown_model_is_named_with_those_we_know() -> None:
    with pytest.raises(ModelError) as caught:
        load_verified("nonsense")
    assert caught.value.problem.code == "model.unknown"
    assert "ferplus-zoo" in caught.value.problem.hint


def test_the_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODREEL_MODEL_CACHE", str(tmp_path))
    assert path_of(DOWNLOADED) == tmp_path / DOWNLOADED.file


def test_the_contract_of_ferplus_is_in_its_file() -> None:
    session = onnxruntime.InferenceSession(load_verified("ferplus"), providers=["CPUExecutionProvider"])
    (put,), (out,) = session.get_inputs(), session.get_outputs()
    assert (put.name, put.type, put.shape[1:]) == ("faces", "tensor(float)", [1, 64, 64])
    assert (out.name, out.type, out.shape[1:]) == ("logits", "tensor(float)", [8])
    (logits,) = session.run(None, {"faces": np.zeros((3, 1, 64, 64), np.float32)})
    assert logits.shape == (3, 8)


def test_the_model_card_of_ferplus_is_beside_it_and_names_its_file() -> None:
    card = card_of("ferplus")
    text = (Path(catalogue.__file__).parent / card.document).read_text("utf-8")
    assert card.sha256 in text
    assert f"{card.size:,} bytes" in text
    assert "must not be used for" in text
