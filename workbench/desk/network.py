"""How a device reaches its hall: Wi-Fi or cable, a fixed address or not, and whom it trusts.

Written to the device's /network.json: {interface: wifi | ethernet, ssid, password, hidden,
address: null | {ip, mask, gateway, dns}}. The CA of the hall's broker goes to /ca.der: boards take
DER, not PEM.
"""

import ipaddress
import json
import ssl
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from workbench.board.repl import Board

PATH = "/network.json"
CA_PATH = "/ca.der"


class Address(NamedTuple):
    """A fixed IPv4 address."""

    ip: str
    mask: str
    gateway: str
    dns: str


def parse_address(text: str) -> Address:
    """`10.1.2.3/24,10.1.2.1,10.1.2.53`: address, gateway, name server. Raises OperatorError."""
    try:
        interface, gateway, dns = text.split(",")
        own = ipaddress.IPv4Interface(interface.strip())
        hop = ipaddress.IPv4Address(gateway.strip())
        if hop not in own.network or "/" not in interface:
            raise ValueError("the gateway is not in the network of the address")
        server = str(ipaddress.IPv4Address(dns.strip()))
    except ValueError as error:
        raise OperatorError(
            f"{text} is no fixed address ({error}). An example: --address "
            "10.1.2.3/24,10.1.2.1,10.1.2.53 is address, gateway, name server."
        ) from None
    return Address(str(own.ip), str(own.netmask), str(hop), server)


def wifi(ssid: str, password: str, is_hidden: bool, address: Address | None) -> bytes:
    """The settings of a Wi-Fi. Raises OperatorError."""
    if not 1 <= len(ssid.encode()) <= 32:
        raise OperatorError("a Wi-Fi's name has 1 to 32 bytes: check --wifi.")
    if password and not 8 <= len(password) <= 63:
        raise OperatorError("a Wi-Fi's password has 8 to 63 characters, none for an open one.")
    return _encode("wifi", ssid, password, is_hidden, address)


def ethernet(address: Address | None) -> bytes:
    """The settings of a network cable."""
    return _encode("ethernet", None, None, False, address)


def der(pem: Path) -> bytes:
    """A CA in DER. Raises OperatorError."""
    try:
        return ssl.PEM_cert_to_DER_cert(pem.read_text("utf-8-sig").strip())
    except (OSError, ValueError) as error:
        raise OperatorError(f"{pem} is no certificate in PEM form ({error}).") from None


def put_network(board: Board, settings: bytes, ca: bytes | None) -> None:
    """Writes and verifies the settings. Raises OperatorError, without their content."""
    board.require_usable()
    files = {PATH: settings, **({CA_PATH: ca} if ca else {})}
    board.put(files)
    for path, digest in board.hashes(list(files)).items():
        if digest != sha256(files[path]).hexdigest():
            raise OperatorError(f"{board.port}: {path} reads back differently. Try again.")


def _encode(interface, ssid, password, is_hidden, address) -> bytes:
    members = {"interface": interface, "ssid": ssid, "password": password, "hidden": is_hidden}
    return json.dumps({**members, "address": address and address._asdict()}).encode()
