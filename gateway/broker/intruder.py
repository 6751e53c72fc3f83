"""A stranger's look at the hall's broker, from outside (FAULTS 16): what must be refused, tried.

Written at the level of bytes: a client that behaves would not try half of it.
"""

import contextlib
import secrets
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

from protocol.access import GATEWAY_USER

_WAIT_S = 5.0
_CONNACK = 0x20


def look(host: str, port: int, ca: Path) -> Iterator[tuple[str, str | None]]:
    """(what was tried, what is wrong or None), one after the other. What could not be tried is
    wrong, too.
    """
    distrust = _trusted(host, port, ca)
    yield "TLS with the hall's CA and this name", distrust
    yield "MQTT in the clear", _clear(host, port)
    yield "TLS 1.1 and older", _old_tls(host, port)
    for who, user, password in (
        ("nobody", None, None),
        ("an unknown user", "somebody", "password"),
        ("the gateway's user with a wrong password", GATEWAY_USER, "password"),
        ("a device without a password", "demo-0001", None),
    ):
        wrong = "not tried, as TLS failed"
        if distrust is None:
            wrong = _login(host, port, _trust(ca), user, password)
        yield f"a login of {who}", wrong


def lets_anybody_in(host: str, port: int, tls: ssl.SSLContext | None) -> bool:
    """Whether the broker takes the gateway's user with a wrong password: then it is not this
    gateway's. None is tried in the clear. False as well if it does not answer.
    """
    return _login(host, port, tls, GATEWAY_USER, secrets.token_hex(16)) is not None


def _trusted(host, port, ca):
    try:
        with _opened(host, port, _trust(ca)):
            return None
    except (OSError, ValueError) as error:
        return f"it is not what devices would trust: {error}"


def _clear(host, port):
    try:
        plain = socket.create_connection((host, port), _WAIT_S)
    except OSError as error:
        return f"not tried, it cannot be reached: {error}"
    with plain, contextlib.suppress(OSError):  # hung up on
        plain.sendall(_connect("somebody", "password"))
        if plain.recv(4)[:1] == bytes([_CONNACK]):
            return "it answers without TLS"
    return None


def _old_tls(host, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings(), contextlib.suppress(ValueError):
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what is tried
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        plain = socket.create_connection((host, port), _WAIT_S)
    except OSError as error:
        return f"not tried, it cannot be reached: {error}"
    with (
        plain,
        contextlib.suppress(OSError),  # refused
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return f"it speaks {secure.version()}"
    return None


def _login(host, port, tls, user, password):
    try:
        with _opened(host, port, tls) as connection:
            connection.sendall(_connect(user, password))
            answer = connection.recv(4)
            if answer[:1] == bytes([_CONNACK]) and answer[3:4] == b"\0":
                return "it was let in"
            return None
    except OSError:
        return None  # hung up on


@contextlib.contextmanager
def _opened(host, port, tls):
    with socket.create_connection((host, port), _WAIT_S) as plain:
        if tls is None:
            yield plain
            return
        with tls.wrap_socket(plain, server_hostname=host) as secure:
            yield secure


def _trust(ca):
    return ssl.create_default_context(cafile=ca)


def _connect(user, password):
    """CONNECT with a clean session (MQTT 3.1.1, 3.1)."""
    flags = 0x02 | (0x80 if user else 0) | (0x40 if password else 0)
    parts = [user or "somebody", *([user] if user else []), *([password] if password else [])]
    body = _text("MQTT") + bytes([4, flags, 0, 20]) + b"".join(map(_text, parts))
    return bytes([0x10, len(body)]) + body


def _text(value):
    return len(value).to_bytes(2) + value.encode()
