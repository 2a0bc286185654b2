"""The face detectors by name. Importing this loads none of them."""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from workers.analysis import DetectorSpec
from workers.errors import ModelError
from workers.models.catalogue import card_of, refuse_other_weights

if TYPE_CHECKING:
    from workers.detection.base import FaceDetector

DETECTORS = {"yunet": "workers.detection.yunet:YuNet"}
SERVICE = "service"
"""No detector of ours: the service that scores finds the faces of whole pictures."""


def resolve(spec: DetectorSpec) -> DetectorSpec:
    """The spec with the hash of the weights it will use. Raises ModelError for a name we do not know."""
    if spec.name == SERVICE:
        return replace(spec, model_sha256="", max_side=0)  # equal requests have equal fingerprints
    if spec.name not in DETECTORS:
        known = ", ".join((*DETECTORS, SERVICE))
        raise ModelError("detector.unknown", f"there is no detector {spec.name!r}", f"the detectors are: {known}")
    return replace(spec, model_sha256=card_of(spec.name).sha256)


def open_detector(spec: DetectorSpec, device: str = "auto") -> "FaceDetector":
    """Load a detector. Raises ModelError when its weights are missing, damaged, or not those of the spec."""
    refuse_other_weights(spec.name, spec.model_sha256, resolve(spec).model_sha256)
    module, _, name = DETECTORS[spec.name].partition(":")
    detector: FaceDetector = getattr(import_module(module), name)(spec, device)
    return detector
