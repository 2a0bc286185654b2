"""The settings of one command, as a frozen value: options first, then MOODREEL_* variables, then moodreel.toml."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from workers.errors import SettingsError
from workers.knobs import KNOBS, knob

if TYPE_CHECKING:
    from workers.limits import ChildLimits

TOML_FILE = "moodreel.toml"
_OPTIONS = {"database_url": "--database", "workers": "--workers", "device": "--device", "rate": "--rate"}


def cores() -> int:
    """The processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _field(name: str) -> Any:
    one = knob(name)
    return Field(default=one.default, ge=one.low, le=one.high, description=one.help)


class _File(TomlConfigSettingsSource):
    """moodreel.toml, which lies among people's files and is checked in: no key belongs there."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        for name in found:
            if name in KNOBS and knob(name).secret:
                hint = f"set {knob(name).variable}, or write it to a file that only you may read: {name}_file"
                raise SettingsError(f"{name} does not belong in {TOML_FILE}", hint)
        return found


class Settings(BaseSettings):
    """Everything that is configured rather than asked. Read once, at the entry point."""

    model_config = SettingsConfigDict(
        env_prefix="MOODREEL_", toml_file=TOML_FILE, frozen=True, extra="forbid", env_ignore_empty=True
    )

    database_url: str = _field("database_url")
    query_database_url: str | None = _field("query_database_url")
    broker_url: str = _field("broker_url")
    media_roots: str | None = _field("media_roots")
    workers: int = Field(default_factory=cores, ge=knob("workers").low, le=knob("workers").high)
    device: Literal["auto", "cpu", "cuda"] = _field("device")
    child_memory_mb: int = _field("child_memory_mb")
    child_timeout_s: float = _field("child_timeout_s")
    lease_s: float = _field("lease_s")
    track_gap_s: float | None = _field("track_gap_s")
    cache: Path | None = _field("cache")
    cache_mb: int = _field("cache_mb")
    model_cache: Path | None = _field("model_cache")
    azure_endpoint: str | None = _field("azure_endpoint")
    azure_key: SecretStr | None = _field("azure_key")
    azure_key_file: Path | None = _field("azure_key_file")
    ferplus_url: str = _field("ferplus_url")
    rate: str | None = _field("rate")
    prices: str | None = _field("prices")
    service_timeout_s: float = _field("service_timeout_s")
    log_level: Literal["debug", "info", "warning", "error"] = _field("log_level")

    @field_validator("log_level", "device", mode="before")
    @classmethod
    def _in_small_letters(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, environment, file: the first that says something wins."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _File(settings_cls)

    @classmethod
    def load(cls, **options: Any) -> Self:
        """The settings in force; options that are None say nothing. Raises SettingsError with the setting's name."""
        given = {name: value for name, value in options.items() if value is not None}
        try:
            settings = cls(**given)
        except ValidationError as error:
            raise _misset(error) from None
        except ValueError as error:  # tomllib's own
            raise SettingsError(f"{TOML_FILE} cannot be read: {error}", "mend it, or move it away") from None
        return settings.model_copy(update={"database_url": database_url(settings.database_url)})

    def share_model_cache(self) -> None:
        """Let the children know the folder of downloaded models, wherever it was set."""
        if self.model_cache is not None:
            os.environ["MOODREEL_MODEL_CACHE"] = str(self.model_cache.absolute())

    @property
    def cache_folder(self) -> Path:
        """Where media of object stores are staged."""
        if self.cache is not None:
            return self.cache.absolute()
        from platformdirs import user_cache_path

        return user_cache_path("moodreel") / "media"

    @property
    def limits(self) -> "ChildLimits":
        """What one child may use."""
        from workers.limits import ChildLimits  # numpy hangs on it, which a query has no use for

        return ChildLimits(memory_mb=self.child_memory_mb, timeout_s=self.child_timeout_s)


def database_url(text: str) -> str:
    """A database URL of what a person wrote: a plain path means an SQLite file."""
    return text if "://" in text or text.startswith("sqlite:") else file_url(text)


def file_url(path: str | Path) -> str:
    """The URL of an SQLite file, whatever its name holds."""
    return f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F')}"


def _misset(error: ValidationError) -> SettingsError:
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    if name not in KNOBS:
        return SettingsError(f"there is no setting {name!r}", f"the settings are: {', '.join(KNOBS)}")
    one = knob(name)
    option = _OPTIONS.get(name, "")
    where = ", ".join(filter(None, (option, one.variable, f"{name} in {TOML_FILE}")))
    return SettingsError(f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}", f"it is set by {where}")
