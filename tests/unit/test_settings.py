"""Settings: options before variables before moodreel.toml, and a mistake names the setting."""

from pathlib import Path

import pytest

from workers.errors import SettingsError
from workers.knobs import KNOBS
from workers.settings import Settings


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, no variables of ours."""
    monkeypatch.chdir(tmp_path)
    for knob in KNOBS.values():
        monkeypatch.delenv(knob.variable, raising=False)
    return tmp_path


def test_every_knob_is_a_setting_with_the_same_default() -> None:
    assert set(Settings.model_fields) == set(KNOBS)
    settings = Settings.load()
    for knob in KNOBS.values():
        if knob.default is not None:
            assert getattr(settings, knob.name) == knob.default
    assert settings.workers >= 1


def test_options_win_over_variables_and_variables_over_the_file(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "moodreel.toml").write_text('workers = 3\nchild_memory_mb = 1000\ndatabase_url = "a.db"\n')
    monkeypatch.setenv("MOODREEL_WORKERS", "4")
    assert Settings.load().workers == 4
    assert Settings.load(workers=5).workers == 5
    assert Settings.load(workers=None).child_memory_mb == 1000
    assert Settings.load().limits.memory_mb == 1000


def test_a_plain_path_is_an_sqlite_file() -> None:
    assert Settings.load(database_url="x/y.db").database_url == "sqlite:///x/y.db"
    assert Settings.load(database_url="postgresql://u@h/d").database_url == "postgresql://u@h/d"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MOODREEL_WORKERS", "0"), ("MOODREEL_WORKERS", "many"), ("MOODREEL_DEVICE", "tpu"), ("MOODREEL_LOG_LEVEL", "x")],
)
def test_a_wrong_value_names_the_setting_and_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    assert variable in refused.value.hint


def test_levels_and_devices_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODREEL_LOG_LEVEL", "DEBUG")
    assert Settings.load(device="CPU").device == "cpu"
    assert Settings.load().log_level == "debug"


def test_a_misspelt_setting_in_the_file_is_refused(nowhere: Path) -> None:
    (nowhere / "moodreel.toml").write_text("wokers = 3\n")
    with pytest.raises(SettingsError, match="wokers"):
        Settings.load()


def test_a_file_that_is_no_toml_is_refused(nowhere: Path) -> None:
    (nowhere / "moodreel.toml").write_text("workers 3")
    with pytest.raises(SettingsError, match=r"moodreel\.toml"):
        Settings.load()


def test_a_key_is_read_from_the_environment_and_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODREEL_AZURE_KEY", "canary-key")
    settings = Settings.load()
    assert settings.azure_key is not None
    assert settings.azure_key.get_secret_value() == "canary-key"
    assert "canary" not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_key_in_moodreel_toml_is_refused_without_being_quoted(nowhere: Path) -> None:
    (nowhere / "moodreel.toml").write_text('azure_key = "canary-key"\n')
    with pytest.raises(SettingsError, match="azure_key does not belong in") as refused:
        Settings.load()
    assert "MOODREEL_AZURE_KEY" in refused.value.hint
    assert "canary" not in f"{refused.value} {refused.value.hint}"
