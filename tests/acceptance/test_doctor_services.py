"""What `doctor` says of services: for nothing of each that is set up, and by one call of one that is named."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs.cli.output import explain
from jobs.errors import UsageError
from jobs.findings import Finding, Verdict
from jobs.service_call import call_once
from jobs.service_checks import services_set_up
from tests.acceptance.runs import moodreel
from tests.services.azure import AzureRules, AzureStandIn
from tests.services.ferplus import FerPlusRules, FerPlusStandIn
from tests.services.pairs import CANARY
from tests.services.rekognition import RekognitionStandIn
from tests.services.server import StandIn
from workers.errors import SettingsError
from workers.settings import Settings

CLOUD = "https://somebody.cognitiveservices.azure.com"


@pytest.fixture(autouse=True)
def nothing_is_set_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No service is, whatever the machine that tests has."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("MOODREEL_AZURE_ENDPOINT", "MOODREEL_AZURE_KEY", "MOODREEL_AZURE_KEY_FILE", "MOODREEL_FERPLUS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def found(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[Finding]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return list(services_set_up(Settings.load()))


def test_of_services_that_nobody_set_up_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch) == []


def test_a_key_in_order_is_said_so_with_what_a_call_would_cost_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(CANARY)
    file.chmod(0o600)
    azure, withdrawn, amazon = found(
        monkeypatch,
        MOODREEL_AZURE_ENDPOINT=CLOUD,
        MOODREEL_AZURE_KEY_FILE=str(file),
        MOODREEL_PRICES="azure=0.80",
        AWS_DEFAULT_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="AKIA",
        AWS_SECRET_ACCESS_KEY=CANARY,
    )
    assert (azure.verdict, amazon.verdict) == (Verdict.OK, Verdict.OK)
    assert azure.found == f"{CLOUD}: its key can be read; nothing was sent"
    assert azure.hint == "`moodreel doctor --service azure` makes one call, about 0.0008 USD (MOODREEL_PRICES)"
    assert withdrawn.verdict is Verdict.NOTE
    assert "30 June 2023" in withdrawn.found
    assert "--scorer ferplus" in withdrawn.hint
    assert amazon.found == "region eu-west-1, credentials of boto3's env; nothing was sent"
    assert amazon.hint == "`moodreel doctor --service rekognition` makes one call, about 0.001 USD (list price)"
    assert CANARY not in f"{azure}{amazon}"


@pytest.mark.parametrize(
    ("environment", "verdict", "reason", "hint"),
    [
        ({"MOODREEL_AZURE_ENDPOINT": CLOUD}, Verdict.FAULT, "wants a key", "MOODREEL_AZURE_KEY"),
        ({"MOODREEL_AZURE_KEY": CANARY}, Verdict.NOTE, "no address", "MOODREEL_AZURE_ENDPOINT"),
        (
            {"MOODREEL_AZURE_ENDPOINT": CLOUD, "MOODREEL_AZURE_KEY_FILE": "nowhere"},
            Verdict.FAULT,
            "nowhere cannot be read",
            "MOODREEL_AZURE_KEY_FILE",
        ),
        (
            {"MOODREEL_AZURE_ENDPOINT": "http://somewhere.example", "MOODREEL_AZURE_KEY": CANARY},
            Verdict.FAULT,
            "in the clear",
            "https://",
        ),
        (
            {"MOODREEL_AZURE_ENDPOINT": CLOUD, "MOODREEL_AZURE_KEY": CANARY, "MOODREEL_PRICES": "azure=cheap"},
            Verdict.FAULT,
            "prices",
            "MOODREEL_PRICES",
        ),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, Verdict.NOTE, "no credentials", "AWS_PROFILE"),
        ({"AWS_PROFILE": "missing"}, Verdict.FAULT, "missing", "AWS_PROFILE"),
        ({"MOODREEL_AZURE_ENDPOINT": "http://127.0.0.1:9"}, Verdict.FAULT, "cannot be reached", "start it"),
        ({"MOODREEL_FERPLUS_URL": "http://127.0.0.1:9"}, Verdict.FAULT, "cannot be reached", "start it"),
        ({"MOODREEL_FERPLUS_URL": "localhost"}, Verdict.FAULT, "begins with https:// or", "MOODREEL_FERPLUS_URL"),
    ],
)
def test_what_is_amiss_with_a_service_is_said_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], verdict: Verdict, reason: str, hint: str
) -> None:
    (finding,) = found(monkeypatch, **environment)
    assert finding.verdict is verdict
    assert reason in finding.found
    assert hint in finding.hint
    assert CANARY not in f"{finding}"


def test_containers_are_asked_whether_they_are_there_which_is_no_call(
    monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    azure = stack.enter_context(AzureStandIn(AzureRules(container=True)))
    ferplus = stack.enter_context(FerPlusStandIn())
    findings = found(
        monkeypatch, MOODREEL_AZURE_ENDPOINT=f"{azure.url}/face/v1.0", MOODREEL_FERPLUS_URL=f"{ferplus.url}/score"
    )
    assert [(one.what, one.verdict) for one in findings] == [
        ("service azure", Verdict.OK),
        ("service ferplus-http", Verdict.OK),
    ]
    assert (azure.book.calls, ferplus.book.calls) == (0, 0)
    assert [one.path for server in (azure, ferplus) for one in server.book.last] == ["/ready", "/"]
    strict = stack.enter_context(AzureStandIn())  # what answers there is no container
    (finding,) = found(monkeypatch, MOODREEL_AZURE_ENDPOINT=strict.url)[:1]
    assert (finding.verdict, "not ready" in finding.found) == (Verdict.FAULT, True)


@pytest.fixture
def called(
    monkeypatch: pytest.MonkeyPatch, stack: ExitStack, amazon: Callable[[StandIn], None]
) -> Iterator[Callable[..., Finding]]:
    """Calls a service once, at a stand-in; what was said before is the last of `said`."""
    said: list[str] = []

    def call(server: StandIn) -> Finding:
        stack.enter_context(server)
        if isinstance(server, RekognitionStandIn):
            amazon(server)
        elif isinstance(server, AzureStandIn):
            monkeypatch.setenv("MOODREEL_AZURE_ENDPOINT", server.url)
            monkeypatch.setenv("MOODREEL_AZURE_KEY", CANARY)
        else:
            monkeypatch.setenv("MOODREEL_FERPLUS_URL", server.url)
        name = "ferplus-http" if isinstance(server, FerPlusStandIn) else server.name
        said.clear()
        finding = call_once(name, Settings.load(), said.append)
        (announced,) = said
        assert announced.startswith("sending the demo's portrait to ")
        assert ("costs nothing" if name == "ferplus-http" else "about 0.001 USD") in announced
        assert server.book.calls == 1
        assert CANARY not in f"{finding}"
        return finding

    yield call


@pytest.mark.parametrize("server", [AzureStandIn, RekognitionStandIn, FerPlusStandIn])
def test_one_call_tells_what_is_seen_in_the_portrait_and_what_was_billed(
    called: Callable[..., Finding], server: type[StandIn]
) -> None:
    made = AzureStandIn(AzureRules(keys=(CANARY,))) if server is AzureStandIn else server(None)
    finding = called(made)
    assert finding.verdict is Verdict.OK
    assert "1 face, happiness 0.99; billed as 1 transaction" in finding.found


@pytest.mark.parametrize(
    ("rules", "reason", "hint"),
    [
        ({"emotion": "withdrawn"}, "Microsoft withdrew emotion", "--scorer ferplus"),
        ({"keys": ("another",)}, "does not know the key", "MOODREEL_AZURE_KEY"),
        ({"next": ["quota"]}, "are used up", "--scorer ferplus"),
        ({"next": ["429"]}, "too many calls", "--rate"),
        ({"next": ["reset"]}, "it may have been billed all the same", ""),
        ({"next": ["not-json"]}, "; billed as 1 transaction", "MOODREEL_AZURE_ENDPOINT"),
    ],
)
def test_a_refusal_is_a_fault_explained_with_what_to_do_instead(
    called: Callable[..., Finding], rules: dict[str, object], reason: str, hint: str
) -> None:
    server = AzureStandIn(AzureRules(**({"keys": (CANARY,)} | rules)))  # type: ignore[arg-type]
    server.rated = lambda request: request.method == "POST"  # type: ignore[method-assign]  a stranger's call counts
    finding = called(server)
    assert finding.verdict is Verdict.FAULT
    assert reason in finding.found
    assert hint in finding.hint


def test_a_container_that_names_one_emotion_only_is_a_note(called: Callable[..., Finding]) -> None:
    finding = called(FerPlusStandIn(FerPlusRules(result="label")))
    assert finding.verdict is Verdict.NOTE
    assert '{"label": "happiness"}' in finding.found


def test_nothing_is_sent_to_a_service_that_there_is_not_or_that_is_not_set_up() -> None:
    for name, error in (("nobody", UsageError), ("ferplus", UsageError), ("azure", SettingsError)):
        said: list[str] = []
        with pytest.raises(error) as raised:
            call_once(name, Settings.load(), said.append)
        assert not said
        assert explain(raised.value) == 2


def test_doctor_lists_the_services_among_the_rest_and_calls_one_instead_where_it_is_named(
    stack: ExitStack, tmp_path: Path
) -> None:
    server = stack.enter_context(AzureStandIn(AzureRules(container=True, emotion="withdrawn")))
    whole = moodreel("doctor", "--json", cwd=tmp_path, MOODREEL_AZURE_ENDPOINT=server.url)
    assert whole.code == 0, whole.out
    whats = [finding["what"] for finding in whole.summary]
    assert {"child process", "service azure"} <= set(whats)
    called = moodreel("doctor", "--service", "azure", cwd=tmp_path, MOODREEL_AZURE_ENDPOINT=server.url)
    assert called.code == 1
    assert called.err == "sending the demo's portrait to Azure Face: one call, about 0.001 USD (list price)\n"
    assert called.out.startswith("fault  service azure: Microsoft withdrew emotion")
    assert "hint: `--scorer ferplus`" in called.out
    assert server.book.calls == 1
