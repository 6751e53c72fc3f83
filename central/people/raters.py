"""What people told about themselves, sealed: a name, a phone number, how to reach them.

Each is sealed by AES-256-GCM with a key of its own, which is wrapped (AES-GCM, too) by a master
key that lies in a file of its own. Erasing deletes the wrapped key: what it sealed can be opened
by nobody, and the rating stays. Whose key was deleted is kept in a list beside the master key,
before it is deleted, so that a database put back from a copy is erased again at its start
(RULES 9, DOMAIN R51 to R54). Nothing of this is ever exported or logged.
"""

import json
import logging
import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from central.store.database import Database
from central.store.people import raters
from hosting.clock import now_ms
from hosting.error import OperatorError
from hosting.secret_file import read_private, write_new

log = logging.getLogger(__name__)

KEY_BYTES = 32
_NONCE = 12
_MOST = 4000  # bytes of what is sealed
_ID = re.compile(r"[A-Za-z0-9/._-]{1,100}", re.ASCII)


class SealBrokenError(Exception):
    """Somebody edited what was sealed, or moved it to another id, or this is not its key."""


class Raters:
    """Seals, opens and erases. key: 32 bytes. erased_file: the list of what was erased. now_ms:
    the centre's time. Every opening by a person needs a purpose and is an act: the caller notes
    it (central/people/deeds.py).
    """

    def __init__(self, key: bytes, erased_file: Path, now_ms: Callable[[], int]) -> None:
        self._master = AESGCM(key)
        self._erased_file = erased_file
        self._now_ms = now_ms

    def seal(self, connection: Connection, rater_id: str, told: Mapping[str, str]) -> None:
        """Keep what somebody told, in the place of what was kept for this id.

        rater_id: a word that was never given to another person and says nothing of this one.
        Raises ValueError for no id, or for more than 4,000 bytes.
        """
        if _ID.fullmatch(rater_id) is None:
            raise ValueError(f"no rater's id: {rater_id!r}")
        plain = json.dumps(dict(told), ensure_ascii=False).encode()
        if len(plain) > _MOST:
            raise ValueError(f"at most {_MOST} bytes are sealed, not {len(plain)}")
        # A length tells much of a phone number or a name: all have one of a few.
        plain = plain.ljust(-(-len(plain) // 256) * 256)
        key = AESGCM.generate_key(256)
        row = _closed(AESGCM(key), plain, b"rater\n" + rater_id.encode())
        wrapped = _closed(self._master, key, b"key\n" + rater_id.encode())
        raters.put(connection, rater_id, self._now_ms(), row, wrapped)

    def open(self, connection: Connection, rater_id: str) -> dict[str, str] | None:
        """What was told; None if nothing was, or it is erased. Raises SealBrokenError."""
        row = raters.get(connection, rater_id)
        if row is None or row.wrapped_key is None:
            return None
        try:
            key = _opened(self._master, row.wrapped_key, b"key\n" + rater_id.encode())
            plain = _opened(AESGCM(key), row.sealed, b"rater\n" + rater_id.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBrokenError(rater_id) from error
        return json.loads(plain)

    def erase(self, database: Database, rater_id: str, note: Callable[[Connection], None]) -> bool:
        """Erase for ever; whether anything was there. note: writes the act, in the same
        transaction.
        """
        with database.read() as connection:
            row = raters.get(connection, rater_id)
        if row is None or row.wrapped_key is None:
            return False
        self._list(rater_id)
        with database.write() as connection:
            is_done = raters.erase(connection, [rater_id], self._now_ms()) > 0
            note(connection)
        database.forget_erased()
        return is_done

    def erase_again(self, database: Database) -> int:
        """Erase all that was ever erased: a database put back from a copy has it again. How many
        had to be.
        """
        ids = set(self._erased_file.read_text("ascii").split()) if self._is_listed() else set()
        if not ids:
            return 0
        with database.write() as connection:
            count = raters.erase(connection, ids, self._now_ms())
        if count:
            database.forget_erased()
        return count

    def _is_listed(self) -> bool:
        return self._erased_file.exists()

    def _list(self, rater_id: str) -> None:
        descriptor = os.open(self._erased_file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(f"{rater_id}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self._erased_file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def open_raters(path: Path, database: Database) -> Raters | None:
    """What seals personal data; all that was ever erased is erased again. None if its key was
    never made. Raises OperatorError if it is lost: what it sealed would be, too.
    """
    if not path.exists():
        with database.read() as connection:
            if raters.has_keys(connection):
                raise OperatorError(
                    f"{path} is missing, and personal data is sealed under it: restore it from "
                    "your backup, and personal.key.erased with it."
                )
        return None
    found = Raters(read_key(path), erased_file_of(path), now_ms)
    if count := found.erase_again(database):
        log.warning("%d of what was erased had come back, and is erased again", count)
    return found


def erased_file_of(key_file: Path) -> Path:
    """The list of what was erased, beside the master key."""
    return key_file.with_name(f"{key_file.name}.erased")


def create_key(path: Path) -> None:
    """Make the master key's file. Raises OperatorError if it is there."""
    write_new(path, secrets.token_bytes(KEY_BYTES))


def read_key(path: Path) -> bytes:
    """The master key of what is sealed. Raises OperatorError with the command that mends it."""
    key = read_private(path, "make it with `pingjia central init`.")
    if len(key) != KEY_BYTES:
        raise OperatorError(
            f"{path} has {len(key)} bytes, the key of personal data has {KEY_BYTES}: restore it "
            "from your backup. A new one opens nothing that was sealed before."
        )
    return key


def _closed(cipher: AESGCM, plain: bytes, about: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, about)


def _opened(cipher: AESGCM, kept: bytes, about: bytes) -> bytes:
    return cipher.decrypt(kept[:_NONCE], kept[_NONCE:], about)
