"""gateway.toml: what it may say, and sentences for what it may not.

Relative paths are relative to the file. deploy/gateway.toml is the annotated example, which
`pingjia gateway init` writes.
"""

import ssl
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hosting import toml
from hosting.error import OperatorError
from hosting.listener import is_loopback
from hosting.secret_file import require_private
from shipped import FIRMWARE

SECURE_DIR = "secure"  # where `pingjia gateway secure` writes, beside the settings
CA, CA_KEY, SERVER = "ca.pem", "ca.key", "server.pem"

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400)]


class Config(BaseSettings):
    """One hall's gateway. Ports: 0 is a free one."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    hall: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
    data_dir: Path = Path("gateway-data")
    centre_url: str
    centre_token_file: Path
    centre_ca: Path | None = None
    centre_certificate: Path | None = None
    centre_key: Path | None = None
    proxy: str | None = None
    carried: bool = False
    api_listen_host: str = "127.0.0.1"
    api_listen_port: Port = 8080
    broker: Literal["embedded", "external"] = "embedded"
    mqtt_host: str = "127.0.0.1"
    mqtt_port: Port = 1883
    mqtt_ca: Path | None = None
    broker_files: Path | None = None
    mqtt_in_the_clear: bool = False
    secure_dir: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    firmware_dir: Path = FIRMWARE
    kiosk_languages: Path | None = None

    sign_out_at: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "20:00"
    invite_ms: Annotated[int, Field(ge=1000, le=600_000)] = 20_000
    clock_every_s: Seconds = 600
    hall_poll_s: Seconds = 60
    head_every_s: Seconds = 60
    live_s: Seconds = 60
    live_gather_s: Annotated[float, Field(ge=0, le=10)] = 0.01
    backlog_per_s: Annotated[int, Field(ge=10, le=1_000_000)] = 20_000
    centre_timeout_s: Seconds = 30
    retry_first_s: Seconds = 1
    retry_longest_s: Seconds = 300
    refused_retry_s: Seconds = 300
    reoffer_first_s: Seconds = 60
    reoffer_longest_s: Seconds = 21_600
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    mqtt_reconnect_s: Annotated[float, Field(gt=0, le=60)] = 1
    broker_restart_s: Annotated[float, Field(gt=0, le=60)] = 1
    queue_messages: Annotated[int, Field(ge=1, le=100_000)] = 2000
    reserve_mb: Annotated[int, Field(ge=1, le=10_000)] = 32
    quarantine_kept: Annotated[int, Field(ge=1, le=1_000_000)] = 1000

    @classmethod
    def settings_customise_sources(cls, settings_cls, init_settings, *others, **more):
        """Only the file speaks: a stray environment variable must not move a hall."""
        return (init_settings,)

    @property
    def certificate(self) -> Path | None:
        """Certificate and key of the hall's own CA, one file (`pingjia gateway secure`)."""
        return None if self.secure_dir is None else self.secure_dir / SERVER

    @property
    def api_tls(self) -> dict[str, Any]:
        """uvicorn's settings: TLS for pages and API if there is a certificate, else nothing."""
        certificate = self.tls_certificate or self.certificate
        return {"ssl_certfile": certificate, "ssl_keyfile": self.tls_key} if certificate else {}

    @field_validator("centre_url")
    @classmethod
    def _https(cls, value: str) -> str:
        url = urlsplit(value)
        if not url.hostname or url.scheme not in ("http", "https"):
            raise ValueError("must be a URL such as https://centre.example.gov.cn")
        if url.scheme == "http" and not is_loopback(url.hostname):
            raise ValueError("must begin with https:// (http:// is only for this machine itself)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _external_broker(self):
        if self.broker == "external" and self.mqtt_port == 0:
            raise ValueError("mqtt_port must name the port of the external broker")
        if self.broker == "embedded" and self.broker_files is not None:
            raise ValueError('broker_files are for broker = "external"')
        if self.centre_key is not None and self.centre_certificate is None:
            raise ValueError("centre_key is the key of a centre_certificate: name both")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together: set both or neither")
        return self


def load_config(path: Path) -> Config:
    """The configuration in the file at `path`, paths made absolute.

    Raises OperatorError with file, key and what it may have meant.
    """
    config = toml.load_config(Config, path, f"`pingjia gateway init --config {path}` makes one.")
    folder = path.resolve().parent
    paths = ("data_dir", "centre_token_file", "centre_ca", "centre_certificate", "centre_key")
    paths += ("mqtt_ca", "broker_files", "secure_dir", "tls_certificate", "tls_key")
    paths += ("firmware_dir", "kiosk_languages")
    absolute = {name: folder / value for name in paths if (value := getattr(config, name))}
    if config.secure_dir is not None:
        absolute.setdefault("mqtt_ca", absolute["secure_dir"] / CA)
    return config.model_copy(update=absolute)


def trust_in_api(config: Config) -> ssl.SSLContext | None:
    """Whom a client on this machine believes to be this gateway's API; None where it has no TLS.

    Raises OperatorError for a certificate that cannot be read.
    """
    own = config.tls_certificate
    believed = own or (config.secure_dir and config.secure_dir / CA)
    if believed is None:
        return None
    try:
        trusted = ssl.create_default_context(cafile=believed)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(f"the API's certificate cannot be read: {error}.") from None
    if own is not None:  # this very one, whatever name it is for
        trusted.check_hostname = False
        trusted.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return trusted


def require_safe(config: Config) -> None:
    """Raise OperatorError if tokens or devices' passwords would travel a network in the clear."""
    has_tls = config.tls_certificate is not None or config.secure_dir is not None
    if not (has_tls or config.behind_proxy or is_loopback(config.api_listen_host)):
        raise OperatorError(
            f"api_listen_host {config.api_listen_host} is open to the network without TLS: run "
            "`pingjia gateway secure` and set secure_dir, or tls_certificate and tls_key, or "
            "behind_proxy = true if a proxy on the way has them."
        )
    is_own = config.secure_dir is not None or config.mqtt_ca is not None
    if not (is_own or config.mqtt_in_the_clear or is_loopback(config.mqtt_host)):
        raise OperatorError(
            f"mqtt_host {config.mqtt_host} is open to the network without TLS, and devices send "
            "their passwords there: run `pingjia gateway secure` and set secure_dir (a broker "
            "elsewhere: mqtt_ca), or say mqtt_in_the_clear = true."
        )
    for path in (config.certificate, config.mqtt_ca if config.secure_dir else None):
        if path is not None and not path.exists():
            raise OperatorError(f"{path} is not there: make it with `pingjia gateway secure`.")
    if config.tls_key is not None and config.tls_key.exists():
        require_private(config.tls_key)
