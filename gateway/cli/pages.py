"""What commands say of the hall's pages: where they are, and which windows there are."""

import difflib
import socket
from typing import Annotated
from urllib.parse import urlsplit

import typer

from gateway.config import Config
from gateway.keep.certificates import Certificates
from gateway.store import halls
from gateway.store.database import Database
from hosting.error import OperatorError
from hosting.listener import address as host_and_port
from protocol.field import ProtocolError, place_id
from protocol.hall import decode_hall

_ANYWHERE = ("0.0.0.0", "::")
Address = Annotated[
    str | None,
    typer.Option(help="How browsers reach this gateway, e.g. http://10.1.2.3:8080."),
]


def pages_address(config: Config, told: str | None) -> str:
    """Where a browser finds the pages: as it was told, else by the certificate's first name, else
    by the settings. Raises OperatorError if that is not clear.
    """
    if told is not None:
        url = urlsplit(told)
        if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/"):
            raise OperatorError(f"--address {told}: must be as http://10.1.2.3:8080, no path.")
        return told.rstrip("/")
    if config.behind_proxy or config.api_listen_port == 0:
        what = "behind_proxy is on" if config.behind_proxy else "api_listen_port is 0"
        raise OperatorError(
            f"{what}, so nobody knows how browsers reach this gateway: name it, --address URL."
        )
    host = config.api_listen_host
    if host in _ANYWHERE:
        own = config.secure_dir if config.tls_certificate is None else None
        names = Certificates(own).names() if own is not None else []
        host = names[0] if names else socket.gethostname()
    scheme = "https" if config.api_tls else "http"
    return f"{scheme}://{host_and_port(host, config.api_listen_port)}"


def require_windows(database: Database, windows: list[str]) -> None:
    """Raise OperatorError for what is no window's id, and if the hall's document is there and has
    not these windows.
    """
    for one in windows:
        try:
            place_id(one, "the window")
        except ProtocolError as error:
            raise OperatorError(f"{error}") from None
    if not windows:
        return
    with database.read() as connection:
        row = halls.get(connection)
    if row is None:
        typer.echo("the hall's windows are not known yet: the centre has not told them.", err=True)
        return
    names = [one.window for one in decode_hall(row.document).windows]
    for window in windows:
        if window not in names:
            nearest = difflib.get_close_matches(window, names, 1, 0.4)
            meant = f" Did you mean {nearest[0]}?" if nearest else ""
            raise OperatorError(
                f"The hall has no window {window}.{meant} It has {', '.join(names)}."
            )
