"""Where a service is and by which key: settings that must be right before anything is sent. A key is quoted nowhere."""

import ipaddress
import os
import re
import stat
from pathlib import Path

import httpx
from pydantic import SecretStr

from workers.errors import SettingsError
from workers.knobs import knob

MOST_KEY_BYTES = 4096
_KEY = re.compile(r"[\x21-\x7e]+")


def address_of(setting: str, text: str, has_key: bool = False) -> httpx.URL:
    """The address that a setting names. Raises SettingsError, which does not repeat what may hold a password."""
    where = f"it is set by {knob(setting).variable}"
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise SettingsError(f"{setting}: it is no address", where) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise SettingsError(f"{setting}: an address begins with https:// or http://", where)
    if url.userinfo or url.query or url.fragment:
        raise SettingsError(f"{setting}: an address holds no password, no ? and no #", f"{where}; keys go elsewhere")
    if has_key and url.scheme == "http" and not _is_here(url.host):
        reason = f"{setting}: a key would cross the network in the clear to http://{url.host}"
        raise SettingsError(reason, f"write https://; {where}")
    return url


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_of(setting: str, value: SecretStr | None, file: Path | None) -> SecretStr | None:
    """The key that is set, or that lies in the file named by `SETTING_file`; None where neither is.

    Raises SettingsError. A file that others may read is refused: whoever put it there takes it for secret.
    """
    if value is not None and file is not None:
        raise SettingsError(f"{setting} and {setting}_file are both set", f"unset one of them: {_variables(setting)}")
    if file is not None:
        return _checked(setting, _content(f"{setting}_file", file))
    return None if value is None else _checked(setting, value.get_secret_value())


def _content(setting: str, file: Path) -> str:
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
                raise SettingsError(f"{setting}: everybody on this machine may read {file}", f"run `chmod 600 {file}`")
            return stream.read(MOST_KEY_BYTES).decode("ascii", "replace")
    except OSError as error:
        hint = f"it is set by {knob(setting).variable}"
        raise SettingsError(f"{setting}: {file} cannot be read: {error.strerror}", hint) from None


def _checked(setting: str, text: str) -> SecretStr:
    """A key that a header can carry: libraries quote one that they cannot send in their errors."""
    if not _KEY.fullmatch(text.strip()):
        hint = f"copy it again from the service's page; it is set by {_variables(setting)}"
        raise SettingsError(f"{setting}: it is no key: empty, or with blanks or characters no key has", hint)
    return SecretStr(text.strip())


def _variables(setting: str) -> str:
    return f"{knob(setting).variable}, {knob(f'{setting}_file').variable}"
