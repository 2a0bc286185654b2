"""What `doctor` finds of the services that are set up: whether each could be called. None is, and nothing is paid."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec

from jobs.findings import Finding, Verdict
from workers.analysis import AnalysisSpec, DetectorSpec, Sampling
from workers.errors import SettingsError
from workers.services.azure_answer import LOCAL
from workers.services.base import ServiceError
from workers.services.catalogue import Opened, open_service, scorer_spec
from workers.services.prices import price_of
from workers.settings import Settings

WITHDRAWN = "Microsoft withdrew emotion, gender and age from Azure Face on 30 June 2023: an account may be refused them"
CHECK_S = 5.0
"""How long a container gets to say that it is there."""


def services_set_up(settings: Settings) -> Iterator[Finding]:
    """One finding, or more, for each service that is set up."""
    hasty = settings.model_copy(update={"service_timeout_s": min(CHECK_S, settings.service_timeout_s)})
    checks: dict[str, Callable[[Settings], Iterator[Finding]]] = {
        "azure": _azure,
        "rekognition": _rekognition,
        "ferplus-http": _ferplus,
    }
    for name, check in checks.items():
        try:
            yield from check(hasty)
        except SettingsError as error:
            yield Finding(what(name), Verdict.FAULT, str(error), error.hint)


def what(name: str) -> str:
    """How findings call a service."""
    return f"service {name}"


def opened(name: str, settings: Settings) -> Opened:
    """The service of a scorer, as a run opens it. Raises SettingsError."""
    spec = AnalysisSpec(Sampling(), DetectorSpec(), scorer_spec(name, 1, None, DetectorSpec().name, settings))
    return open_service(spec, settings)


def cost_of_a_call(name: str, settings: Settings) -> str:
    """In words. Raises SettingsError where the prices that are set cannot be read."""
    price = price_of(name, settings.prices)
    cost = price.of(1)
    return f"about {cost.normalize():f} USD ({price.source})" if cost else "which costs nothing"


def _azure(settings: Settings) -> Iterator[Finding]:
    from workers.services.address import key_of
    from workers.services.azure import AzureFace

    key = key_of("azure_key", settings.azure_key, settings.azure_key_file)
    if settings.azure_endpoint is None:
        if key is not None:
            hint = "set MOODREEL_AZURE_ENDPOINT too"
            yield Finding(what("azure"), Verdict.NOTE, "a key is set, and no address", hint)
        return
    with opened("azure", settings).service as service:
        assert isinstance(service, AzureFace)  # noqa: S101  narrows the type
        if key is None:
            yield _container("azure", settings.azure_endpoint, service.is_ready)
            return
    yield _cloud("azure", f"{settings.azure_endpoint}: its key can be read", settings)
    yield Finding(what("azure"), Verdict.NOTE, WITHDRAWN, LOCAL)


def _rekognition(settings: Settings) -> Iterator[Finding]:
    """Who has boto3 and a region may use AWS for something else: without credentials it is no fault."""
    if find_spec("boto3") is None:
        return
    from workers.services.rekognition import what_boto3_finds

    region, credentials = what_boto3_finds()
    if region is None:
        return
    if credentials is None:
        hint = "give boto3 credentials as any AWS program (AWS_PROFILE, AWS_ACCESS_KEY_ID, ...)"
        yield Finding(what("rekognition"), Verdict.NOTE, f"boto3 finds the region {region} and no credentials", hint)
        return
    yield _cloud("rekognition", f"region {region}, credentials of boto3's {credentials}", settings)


def _ferplus(settings: Settings) -> Iterator[Finding]:
    from workers.services.ferplus_http import FerPlusHttp

    if "ferplus_url" not in settings.model_fields_set:
        return
    with opened("ferplus-http", settings).service as service:
        assert isinstance(service, FerPlusHttp)  # noqa: S101  narrows the type
        yield _container("ferplus-http", settings.ferplus_url, lambda: service.faces_a_call() > 0)


def _container(name: str, address: str, is_ready: Callable[[], bool]) -> Finding:
    try:
        ready = is_ready()
    except ServiceError as error:
        hint = "start it, or set another address; a run would fail the same way"
        return Finding(what(name), Verdict.FAULT, error.problem.reason, hint)
    if not ready:
        hint = "wait until it has loaded its model, or see its own log"
        return Finding(what(name), Verdict.FAULT, f"{address} answers, and is not ready", hint)
    return Finding(what(name), Verdict.OK, f"{address} answers")


def _cloud(name: str, found: str, settings: Settings) -> Finding:
    hint = f"`moodreel doctor --service {name}` makes one call, {cost_of_a_call(name, settings)}"
    return Finding(what(name), Verdict.OK, f"{found}; nothing was sent", hint)
