"""Keys: each is derived from the master secret when it is needed, none is stored.

HKDF-SHA256 (RFC 5869), no salt, 32 bytes, info `pingjia/1/{device}/{epoch}` for a device and
`pingjia/1/link/{hall}` for a hall's links (protocol/README.md, section 6). Halls may be named by a
number: so no device is ever named `link` (central/directory/devices.py).
"""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hosting.error import OperatorError
from hosting.secret_file import read_private, write_new

SECRET_BYTES = 32
LINK = "link"  # in the place of a device's id
_CACHED_KEYS = 65536  # a province has 40,000 windows; 20 MB at most


def create_master_secret(path: Path) -> None:
    """Make the file with a new random secret. Raises OperatorError if the file exists."""
    write_new(path, secrets.token_bytes(SECRET_BYTES))


def read_master_secret(path: Path) -> bytes:
    """The 32 bytes of the master secret.

    Raises OperatorError, with the command that mends it, if the file is missing, readable by
    others or of another size.
    """
    secret = read_private(path, "make it with `pingjia central init`.")
    if len(secret) != SECRET_BYTES:
        raise OperatorError(
            f"{path} has {len(secret)} bytes, a master secret has {SECRET_BYTES}: restore it from "
            "your backup; only if no device was ever enrolled, remove it and run "
            "`pingjia central init`."
        )
    return secret


def rehearsal_secret(master_secret: bytes) -> bytes:
    """What a rehearsal has in the place of its master secret. Its clock is set by hand, and so the
    epoch of what is enrolled there: with the real centre's secret a trainee would be given the key
    of a real device.
    """
    info = b"pingjia/1/rehearsal"
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master_secret)


def derive_key(master_secret: bytes, device: str, epoch: int) -> bytes:
    """The 32-byte key of one device in one epoch."""
    return _derive(master_secret, device, f"{epoch}")


def _derive(master_secret: bytes, whose: str, which: str) -> bytes:
    info = f"pingjia/1/{whose}/{which}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master_secret)


class Participants:
    """Who was served, as figures know them: two services of one person can be told to be of one,
    and nobody is named (RULES 4). HMAC-SHA256 under HKDF of the master secret, info
    `pingjia/1/participant`; the first 32 hex digits.
    """

    def __init__(self, master_secret: bytes) -> None:
        info = b"pingjia/1/participant"
        self._key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master_secret)

    def of(self, identity: str) -> str:
        """Of an identity as the business system has it."""
        return hmac.new(self._key, identity.encode(), hashlib.sha256).hexdigest()[:32]


class DeviceKeys:
    """Keys by (device, epoch); the ones used last are remembered, a bounded number of them."""

    def __init__(self, master_secret: bytes, remembered: int = _CACHED_KEYS) -> None:
        self._master_secret = master_secret
        self._remembered = remembered
        self._keys: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def of_rehearsal(self) -> "DeviceKeys":
        """Those of a rehearsal that was given this master secret."""
        return DeviceKeys(rehearsal_secret(self._master_secret), self._remembered)

    def key(self, device: str, epoch: int) -> bytes:
        """The 32-byte key of `device` in `epoch`."""
        with self._lock:
            key = self._keys.get((device, epoch))
            if key is None:
                key = derive_key(self._master_secret, device, epoch)
                self._keys[device, epoch] = key
                if len(self._keys) > self._remembered:
                    self._keys.popitem(last=False)
            else:
                self._keys.move_to_end((device, epoch))
            return key

    def acts_key(self) -> bytes:
        """The 32 bytes that sign acts: HKDF of the master secret, info `pingjia/1/acts`."""
        info = b"pingjia/1/acts"
        return HKDF(SHA256(), length=32, salt=None, info=info).derive(self._master_secret)

    def link_key(self, hall: str) -> bytes:
        """The 32 bytes by which a hall makes the codes of its services, for its gateway alone."""
        return _derive(self._master_secret, LINK, hall)

    def __len__(self) -> int:
        return len(self._keys)
