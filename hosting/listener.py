"""Where a server listens."""

import ipaddress
import socket

from hosting.error import OperatorError

_WAITING = 1024  # connections that the kernel holds until they are taken
CAN_SHARE = hasattr(socket, "SO_REUSEPORT")


def listen(host: str, port: int, mend: str, is_shared: bool = False) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    is_shared: other processes of this user that say so may listen there, too; the system spreads
    new connections over them. Raises OperatorError; mend: the question and the setting to look at,
    a sentence.
    """
    if is_shared and not CAN_SHARE:
        raise OperatorError("this system lets no two processes listen on one address.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        # With its protocol named, unlike socket.create_server's: only then does asyncio set
        # TCP_NODELAY, without which an answer on a kept connection waits 40 ms for a delayed ACK.
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_shared:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind(address)
            listener.listen(_WAITING)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise OperatorError(
            f"cannot listen on {host} port {port} ({error.strerror}): {mend}"
        ) from None
    return listener


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """The address of a listener as a client writes it."""
    return f"{scheme}://{address(*listener.getsockname()[:2])}"


def address(host: str, port: int) -> str:
    """Host and port as one writes them; an IPv6 address stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
