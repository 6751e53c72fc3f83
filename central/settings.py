"""The settings of one centre: central.toml, annotated in deploy/central.toml.

`PINGJIA_CENTRAL_DATABASE_URL` and the like stand above the file, so that a database password
need not stand in it.
"""

import difflib
import ipaddress
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from central.error import CentralError


class Settings(BaseSettings):
    """What central.toml may say; relative paths are relative to the file's folder."""

    model_config = SettingsConfigDict(
        env_prefix="PINGJIA_CENTRAL_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    listen_host: str = "127.0.0.1"
    listen_port: int = Field(8443, ge=0, le=65535)
    database_url: str = "sqlite:///central.db"
    master_secret_file: Path = Path("master.secret")
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    profile: str = "ezhou"
    gap_alarm_s: int = Field(3600, gt=0)
    silent_device_s: int = Field(4 * 3600, gt=0)
    silent_hall_s: int = Field(72 * 3600, gt=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def load_settings(path: Path) -> Settings:
    """The settings in the TOML file, paths made absolute.

    Raises CentralError that names the file, the key, and what a mistyped key may have meant.
    """
    try:
        members = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CentralError(
            f"{path} is missing: `pingjia central init --config {path}` makes one, "
            "deploy/central.toml explains every key."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CentralError(f"{path} cannot be read as TOML: {error}.") from None
    try:
        settings = Settings(**members)
    except ValidationError as error:
        raise CentralError(f"{path}: {'; '.join(_sentences(error))}") from None
    return settings.model_copy(update=_absolute(settings, path))


def require_safe_listener(settings: Settings) -> None:
    """Raise CentralError if tokens and records would travel a network in the clear."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise CentralError("tls_certificate and tls_key belong together: set both or neither.")
    if settings.tls_certificate is None and not (
        settings.behind_proxy or _is_loopback(settings.listen_host)
    ):
        raise CentralError(
            f"listen_host {settings.listen_host} is open to the network without TLS: set "
            "tls_certificate and tls_key, or behind_proxy = true if a proxy on the way has them."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _absolute(settings: Settings, path: Path) -> dict[str, Any]:
    folder = path.resolve().parent
    absolute: dict[str, Any] = {"database_url": _absolute_url(settings.database_url, path)}
    for name in ("master_secret_file", "tls_certificate", "tls_key"):
        value = getattr(settings, name)
        absolute[name] = None if value is None else folder / value
    return absolute


def _absolute_url(text: str, path: Path) -> str:
    try:
        url: URL = make_url(text)
    except ArgumentError:
        raise CentralError(
            f"{path}: database_url is no database's address; "
            'an example is "sqlite:///central.db".'
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise CentralError(f"{path}: database_url must begin with sqlite or postgresql.")
    if url.get_backend_name() == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise CentralError(
                f"{path}: database_url must name a file; ratings kept in memory are lost."
            )
        url = url.set(database=str(path.resolve().parent / url.database))
    return url.render_as_string(hide_password=False)


def _sentences(error: ValidationError) -> list[str]:
    sentences = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, Settings.model_fields, n=1)
            meant = f", did you mean {near[0]}?" if near else ""
            sentences.append(f"no setting is named {key}{meant}")
        else:
            sentences.append(f"{key}: {problem['msg']}")
    return sentences
