"""`doctor --self-test`: everything is found well, whatever the user's settings; and what is broken is found."""

from pathlib import Path

import pytest

from jobs.findings import Verdict
from jobs.selftest import self_test
from tests.acceptance.runs import moodreel
from tests.services.pairs import CANARY

REVERSED = """
from db import emotions
from workers.services import azure_answer

azure_answer.EMOTIONS = emotions.EMOTIONS[::-1]
"""
DEAF = """
from workers.services import azure_answer

azure_answer.retry_after_s = lambda *_: 0.0
"""
NOBODY = "http://127.0.0.1:9"


def test_every_service_scorer_passes_and_none_of_the_users_settings_gets_there(tmp_path: Path) -> None:
    (tmp_path / "moodreel.toml").write_text('rate = "1/h"\n')
    theirs = {
        "MOODREEL_AZURE_ENDPOINT": "https://somebody.cognitiveservices.azure.com",
        "MOODREEL_AZURE_KEY": CANARY,
        "MOODREEL_RATE": "1/h",
        "MOODREEL_DATABASE_URL": "sqlite:///theirs.db",
        "MOODREEL_BROKER_URL": "redis://127.0.0.1:9/0",
        "AWS_PROFILE": "theirs",
        "AWS_ENDPOINT_URL": NOBODY,
        "HTTP_PROXY": NOBODY,
        "HTTPS_PROXY": NOBODY,
        "https_proxy": NOBODY,
    }
    ended = moodreel("doctor", "--self-test", "--json", cwd=tmp_path, timeout_s=300, **theirs)
    assert ended.code == 0, ended.out
    found = {finding["what"]: finding["found"] for finding in ended.summary}
    assert {finding["verdict"] for finding in ended.summary} == {"ok"}
    assert list(found) == [
        f"self-test {name}" for name in ("azure", "azure, emotion withdrawn", "rekognition", "ferplus-http", "serve")
    ]
    assert found["self-test azure"] == "scored, happiness 0.99; a 429 was waited for; the bill is right"
    assert CANARY not in ended.out + ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["moodreel.toml"]


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (REVERSED, "where the portrait smiles"),
        (DEAF, "asked to wait 1 s, it was called again after"),
    ],
    ids=["answers", "patience"],
)
def test_what_is_broken_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str, reason: str) -> None:
    """A module of that name is run by every interpreter that starts: the trial's own, and not this one."""
    (tmp_path / "sitecustomize.py").write_text(spoilt)
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = self_test(["azure"])
    assert finding.verdict is Verdict.FAULT
    assert reason in finding.found
