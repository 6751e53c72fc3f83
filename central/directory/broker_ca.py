"""The CA of a hall's broker, before it is written into bundles: a device takes what it is given,
and one that cannot be read would keep a box of boards from its hall.
"""

import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_MOST_BYTES = 8192  # firmware/bundle.py takes no more


def broker_ca(data: bytes) -> str:
    """The one CA certificate in PEM bytes, as PEM and nothing else: text above it goes.

    Raises ValueError, a part of a sentence, for none, several, or one that can sign nothing.
    """
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ValueError("no certificate can be read in it") from None
    if len(found) != 1:
        raise ValueError(
            f"it holds {len(found)} certificates, and devices take one: leave the CA that signed "
            "the broker's certificate"
        )
    try:
        is_ca = found[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if not is_ca:
        raise ValueError(
            "it is a server's certificate and no CA: after its first renewal no device would "
            "connect"
        )
    pem = found[0].public_bytes(Encoding.PEM).decode()
    if len(pem) > _MOST_BYTES:
        raise ValueError(f"it has {len(pem)} bytes, and devices take {_MOST_BYTES}")
    return pem


def is_name(host: str) -> bool:
    """Whether devices need a name server to find `host`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False
