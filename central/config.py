"""The configuration of one centre: central.toml, annotated in deploy/central.toml, which
`pingjia central init` writes.

`PINGJIA_CENTRAL_DATABASE_URL` and the like stand above the file, so that a database password
need not stand in it.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from hosting import toml
from hosting.error import OperatorError
from hosting.listener import is_loopback
from hosting.secret_file import require_private

_FILES = ("master_secret_file", "personal_key_file", "tls_certificate", "tls_key")
_SQLITE = "sqlite:///"


class Role(StrEnum):
    """What a process does: everything, or what halls and business systems send with the judge and
    all that time does, or what people and programs read.
    """

    ALL = "all"
    INTAKE = "intake"
    PAGES = "pages"


class Config(BaseSettings):
    """What central.toml may say; relative paths are relative to the file's folder."""

    model_config = SettingsConfigDict(
        env_prefix="PINGJIA_CENTRAL_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    listen_host: str = "127.0.0.1"
    listen_port: int = Field(8443, ge=0, le=65535)
    pages_listen_port: int = Field(8444, ge=0, le=65535)
    share_address: bool = False
    database_url: str = "sqlite:///central.db"
    master_secret_file: Path = Path("master.secret")
    personal_key_file: Path = Path("personal.key")
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    profile: str = "national"
    profiles: Path | None = None
    overrides: Path | None = None
    calendar: Path | None = None
    enrolment: Literal["approve", "direct"] = "approve"
    gap_alarm_s: int = Field(3600, gt=0)
    silent_device_s: int = Field(4 * 3600, gt=0)
    silent_hall_s: int = Field(10 * 86400, gt=0)

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

    def port(self, role: Role) -> int:
        """Where a process of this role listens."""
        return self.pages_listen_port if role is Role.PAGES else self.listen_port


def load_config(path: Path) -> Config:
    """The configuration in the TOML file, paths made absolute.

    Raises OperatorError that names the file, the key, and what a mistyped key may have meant.
    """
    config = toml.load_config(
        Config,
        path,
        f"`pingjia central init --config {path}` makes one, which explains every key.",
    )
    return config.model_copy(update=_absolute(config, path))


def require_safe_listener(config: Config) -> None:
    """Raise OperatorError if tokens and records would travel a network in the clear, or others
    could read the key that keeps them from it.
    """
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise OperatorError("tls_certificate and tls_key belong together: set both or neither.")
    if config.tls_key is not None and config.tls_key.exists():
        require_private(config.tls_key)
    if config.tls_certificate is None and not (
        config.behind_proxy or is_loopback(config.listen_host)
    ):
        raise OperatorError(
            f"listen_host {config.listen_host} is open to the network without TLS: set "
            "tls_certificate and tls_key, or behind_proxy = true if a proxy on the way has them."
        )


def require_shareable(config: Config, role: Role = Role.ALL) -> None:
    """Raise OperatorError if the address is to be shared where only one centre may run."""
    if not config.share_address:
        return
    if make_url(config.database_url).get_backend_name() == "sqlite":
        raise OperatorError(
            "share_address = true lets several centres run at once, which needs PostgreSQL: set "
            "database_url to postgresql+psycopg://…, or share_address = false with SQLite."
        )
    if config.port(role) == 0:
        key = "pages_listen_port" if role is Role.PAGES else "listen_port"
        raise OperatorError(f"share_address = true needs a {key}; 0 is another for each.")


def _absolute(config: Config, path: Path) -> dict[str, Any]:
    folder = path.resolve().parent
    absolute: dict[str, Any] = {"database_url": _absolute_url(config.database_url, path)}
    for name in (*_FILES, "profiles", "overrides", "calendar"):
        value = getattr(config, name)
        absolute[name] = None if value is None else folder / value
    return absolute


def _absolute_url(text: str, path: Path) -> str:
    if text.startswith(_SQLITE):
        return _file_url(text.removeprefix(_SQLITE), path)
    try:
        url: URL = make_url(text)
    except ArgumentError:
        raise OperatorError(
            f"{path}: database_url is no database's address; "
            'an example is "sqlite:///central.db".'
        ) from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise OperatorError(f"{path}: database_url must begin with sqlite or postgresql.")
    if url.get_backend_name() == "sqlite":
        return _file_url("", path)
    return url.render_as_string(hide_password=False)


def _file_url(file: str, path: Path) -> str:
    """Of a file as it is called, `?` and `%` included: nothing after it is an option."""
    if file in ("", ":memory:"):
        raise OperatorError(
            f"{path}: database_url must name a file, as sqlite:///central.db does; ratings kept "
            "in memory are lost."
        )
    whole = path.resolve().parent / file
    return URL.create("sqlite", database=str(whole)).render_as_string()
