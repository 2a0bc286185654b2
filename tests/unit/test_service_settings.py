"""Where services are and by which key: what cannot be right is refused before anything is sent, and shown nowhere."""

from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from db.emotions import EMOTIONS
from workers.errors import SettingsError
from workers.services import rekognition_answer
from workers.services.address import address_of, key_of
from workers.services.azure import CARD as AZURE
from workers.services.azure import AzureFace, attributes_of
from workers.services.ferplus_http import FerPlusHttp
from workers.services.rekognition import Rekognition
from workers.services.wire import proxy_of


def test_names_of_attributes_are_taken_in_any_case_and_with_blanks_and_go_without() -> None:
    assert attributes_of(" Emotion, AGE,headpose,,age ") == ("emotion", "age", "headPose")
    assert attributes_of("") == ()
    with pytest.raises(SettingsError, match="boredom"):
        attributes_of("emotion,boredom")
    with pytest.raises(SettingsError, match="mask"):
        attributes_of("emotion,mask")


@pytest.mark.parametrize("text", ["", "eu.example", "ftp://eu.example", "https://", "https://u:canary@eu.example",
                                  "https://eu.example/?subscription-key=canary", "http://[::1"])  # fmt: skip
def test_what_is_no_address_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SettingsError, match="azure_endpoint") as refused:
        address_of("azure_endpoint", text)
    assert "MOODREEL_AZURE_ENDPOINT" in refused.value.hint
    assert "canary" not in f"{refused.value} {refused.value.hint}"


def test_a_key_goes_over_no_open_network_and_a_cloud_gets_one() -> None:
    with pytest.raises(SettingsError, match="in the clear"):
        AzureFace("http://face.example", SecretStr("canary"))
    with pytest.raises(SettingsError, match="wants a key"):
        AzureFace("https://westus.api.cognitive.microsoft.com", None)
    for here in ("http://localhost:5000", "http://127.0.0.1:5000", "http://[::1]:5000", "https://face.example"):
        assert address_of("azure_endpoint", here, has_key=True) == httpx.URL(here)


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("canary-key\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="everybody") as refused:
        key_of("azure_key", None, file)
    assert refused.value.hint == f"run `chmod 600 {file}`"
    file.chmod(0o600)
    key = key_of("azure_key", None, file)
    assert key is not None
    assert key.get_secret_value() == "canary-key"
    with pytest.raises(SettingsError, match="both set"):
        key_of("azure_key", SecretStr("x"), file)
    with pytest.raises(SettingsError, match="cannot be read"):
        key_of("azure_key", None, tmp_path / "none")
    assert key_of("azure_key", None, None) is None


@pytest.mark.parametrize("key", ["", " ", "canary key", "canary\nkey", "canary-k\u00e9y", "canary\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_repeated(key: str) -> None:
    with pytest.raises(SettingsError, match="it is no key") as refused:
        key_of("azure_key", SecretStr(key), None)
    assert "canary" not in f"{refused.value} {refused.value.hint}"


def test_the_smallest_face_grows_with_pictures_beyond_full_hd() -> None:
    assert AZURE.min_face_px(640, 480) == AZURE.min_face_px(1920, 1080) == AZURE.min_face_px(1080, 1920) == 36
    assert AZURE.min_face_px(3840, 2160) == 72
    assert AZURE.min_face_px(1920, 1620) == 54


def test_cards_speak_of_their_own_service() -> None:
    cards = [AzureFace.card, FerPlusHttp.card, Rekognition.card]
    assert [card.name for card in cards] == ["azure", "ferplus-http", "rekognition"]
    assert all(card.queue == "api" for card in cards)
    assert set(Rekognition.card.never_gives) == set(EMOTIONS) - set(rekognition_answer.OURS.values())


def test_only_the_proxy_of_https_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("https_proxy", "no_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "near.example")
    assert proxy_of(httpx.URL("https://far.example")) == "http://proxy.example:3128"
    assert proxy_of(httpx.URL("https://near.example")) is None
    assert proxy_of(httpx.URL("http://far.example")) is None
