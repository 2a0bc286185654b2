"""The services by name: what each is, what of it an analysis asks for, how it is opened. Importing this loads none.

A service is opened by the parents that call it, with the settings in force there. Address and key are no part of an
analysis, for the numbers do not hang on them; that of a scoring container is: another one may hold another model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.analysis import AnalysisSpec, ScorerSpec
from workers.detection.catalogue import SERVICE
from workers.errors import SettingsError
from workers.messages import Takes

if TYPE_CHECKING:
    from workers.services.base import CropService, PictureService, ServiceCard
    from workers.settings import Settings

PACK = 36
"""Faces on one sheet, unless asked otherwise: as many as benchmarks/packing.py finds scored as well as alone."""
ATTRIBUTES = "attributes"
ADDRESS = "url"


@dataclass(frozen=True, slots=True)
class Opened:
    """A service, ready to be called."""

    service: "PictureService | CropService"
    account: tuple[str, ...]
    """Who is billed, or what is called: all who share it share its rate. May hold a key: to be hashed, never shown."""


@dataclass(frozen=True, slots=True)
class _Entry:
    card: "Callable[[], ServiceCard]"
    open: "Callable[[AnalysisSpec, Settings], Opened]"


def service_card(name: str) -> "ServiceCard | None":
    """What is known of a service; None for scorers that are none."""
    return _ENTRIES[name].card() if name in _ENTRIES else None


def open_service(spec: AnalysisSpec, settings: "Settings") -> Opened:
    """Open the service of an analysis, without calling it. Raises SettingsError where it cannot be called from here."""
    return _ENTRIES[spec.scorer.name].open(spec, settings)


def takes_of(spec: AnalysisSpec) -> Takes | None:
    """Which encoded pictures the service of an analysis takes; None where it has none, or gets no pictures."""
    from workers.services.base import PictureCard

    card = service_card(spec.scorer.name)
    if not isinstance(card, PictureCard):
        return None
    return Takes(card.formats, card.min_bytes, card.max_bytes, card.min_side_px)


def why_not(spec: AnalysisSpec, settings: "Settings") -> str | None:
    """Why the service of an analysis cannot be called with these settings; None where it can, or where it has none."""
    if spec.scorer.name not in _ENTRIES:
        return None
    try:
        with open_service(spec, settings).service:
            return None
    except SettingsError as error:
        return str(error)


def scorer_spec(name: str, pack: int | None, attributes: str | None, detector: str, settings: "Settings") -> ScorerSpec:
    """The part of an analysis that a scorer is asked for. Raises SettingsError for what it cannot be asked.

    `pack`: faces on a sheet, None for the default; `attributes`: what else to ask of the service, as typed.
    """
    from workers.services.base import PictureCard

    card = service_card(name)
    packs = isinstance(card, PictureCard) and detector != SERVICE
    if detector == SERVICE and not isinstance(card, PictureCard):
        able = ", ".join(other for other in _ENTRIES if isinstance(service_card(other), PictureCard))
        raise SettingsError(
            f"{name} finds no faces in pictures", f"with --detector service, --scorer is one of: {able}"
        )
    if pack not in (None, 1) and not packs:
        raise SettingsError(f"--pack {pack} has no meaning here", "it is for a service that gets faces found here")
    if isinstance(card, PictureCard) and pack is not None and pack > card.max_faces:
        raise SettingsError(f"{card.title} finds {card.max_faces} faces in a picture at most", "lower --pack")
    if attributes is not None and not isinstance(card, PictureCard):
        raise SettingsError(f"{name} gives no attributes", "leave them out")
    options = _OPTIONS[name](attributes, settings) if name in _OPTIONS else ()
    return ScorerSpec(name, pack=(pack or PACK) if packs else 1, options=options)


def _attributes(spec: AnalysisSpec) -> Sequence[str]:
    return tuple(filter(None, dict(spec.scorer.options).get(ATTRIBUTES, "").split(",")))


def _azure_card() -> "ServiceCard":
    from workers.services.azure import CARD

    return CARD


def _azure_options(attributes: str | None, _settings: "Settings") -> tuple[tuple[str, str], ...]:
    from workers.services.azure import attributes_of

    asked = ("emotion",) if attributes is None else attributes_of(attributes)
    return ((ATTRIBUTES, ",".join(sorted(asked))),)


def _open_azure(spec: AnalysisSpec, settings: "Settings") -> Opened:
    from workers.services.address import key_of
    from workers.services.azure import AzureFace

    if settings.azure_endpoint is None:
        raise SettingsError("azure_endpoint: it is not set", "set MOODREEL_AZURE_ENDPOINT, or use `--scorer ferplus`")
    key = key_of("azure_key", settings.azure_key, settings.azure_key_file)
    whole = spec.detector.name == SERVICE  # then the landmarks are the service's, too
    service = AzureFace(settings.azure_endpoint, key, _attributes(spec), settings.service_timeout_s, landmarks=whole)
    return Opened(service, ("azure", settings.azure_endpoint, "" if key is None else key.get_secret_value()))


def _rekognition_card() -> "ServiceCard":
    from workers.services.rekognition import CARD

    return CARD


def _rekognition_options(attributes: str | None, _settings: "Settings") -> tuple[tuple[str, str], ...]:
    from workers.services.rekognition_answer import checked

    asked = ["EMOTIONS"] if attributes is None else [one.strip().upper() for one in attributes.split(",")]
    return ((ATTRIBUTES, ",".join(sorted(checked(asked)))),)


def _open_rekognition(spec: AnalysisSpec, settings: "Settings") -> Opened:
    from workers.services.rekognition import Rekognition

    service = Rekognition(_attributes(spec), settings.service_timeout_s)
    return Opened(service, ("rekognition", *service.account))


def _ferplus_card() -> "ServiceCard":
    from workers.services.ferplus_http import CARD

    return CARD


def _ferplus_options(_attributes: str | None, settings: "Settings") -> tuple[tuple[str, str], ...]:
    from workers.services.address import address_of

    return ((ADDRESS, str(address_of("ferplus_url", settings.ferplus_url))),)


def _open_ferplus(spec: AnalysisSpec, settings: "Settings") -> Opened:
    from workers.services.ferplus_http import FerPlusHttp

    asked = dict(spec.scorer.options)[ADDRESS]
    ((_, here),) = _ferplus_options(None, settings)
    if asked != here:
        hint = f"set MOODREEL_FERPLUS_URL={asked}, or run it as a new job"
        raise SettingsError(f"it asks for the scoring container at {asked}; here, {here} is set", hint)
    return Opened(FerPlusHttp(here, settings.service_timeout_s), ("ferplus-http", here))


_ENTRIES = {
    "azure": _Entry(_azure_card, _open_azure),
    "rekognition": _Entry(_rekognition_card, _open_rekognition),
    "ferplus-http": _Entry(_ferplus_card, _open_ferplus),
}
_OPTIONS: "dict[str, Callable[[str | None, Settings], tuple[tuple[str, str], ...]]]" = {
    "azure": _azure_options,
    "rekognition": _rekognition_options,
    "ferplus-http": _ferplus_options,
}
