"""What the hall shows the centre, and whom it trusts: files that people replace at any time."""

import contextlib
import logging
import ssl
from pathlib import Path
from typing import NamedTuple

from gateway.keep.alarms import Alarms
from hosting.error import OperatorError
from hosting.secret_file import read_token, require_private

log = logging.getLogger(__name__)


class Files(NamedTuple):
    """Where the hall's token stands, whom it trusts (`ca`), and what it shows of itself."""

    token: Path
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class Credentials:
    """The hall's token, whom it trusts and what it shows, read again when a file has changed.

    What cannot be read is an alarm; what was read before holds until then. Raises OperatorError if
    a file is unusable at the start. Used by any thread.
    """

    def __init__(self, files: Files, alarms: Alarms):
        self._files = files
        self._alarms = alarms
        self._seen = self._look()
        self.edition = 0
        self.token, self.trusted = self._read()

    def renew(self) -> bool:
        """Read the files again if one of them is another now; whether it is, and can be used."""
        seen = self._look()
        if seen == self._seen:  # as it was read, or put back as it was
            self._alarms.clear("credentials")
            return False
        try:
            self.token, self.trusted = self._read()
        except OperatorError as error:
            self._alarms.set("credentials", f"{error} What was there before is used meanwhile.")
            return False
        self._seen = seen
        self.edition += 1
        self._alarms.clear("credentials")
        log.info("the token or a certificate file is another one, and was read")
        return True

    def _read(self) -> tuple[str, ssl.SSLContext]:
        token = read_token(self._files.token, "ask the centre for this hall's token.")
        return token, trust(*self._files[1:])

    def _look(self) -> list[tuple[int, ...] | None]:
        return [_stamp(path) for path in self._files if path is not None]


def trust(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Whom the hall trusts, and what it shows: made once, for all connections to the centre.

    certificate, key: of this hall, for a centre that asks for one; key is None if it stands in
    the certificate's file. Raises OperatorError if a file is unusable.
    """
    for setting, path in (
        ("centre_ca", ca),
        ("centre_certificate", certificate),
        ("centre_key", key),
    ):
        if path is not None and not path.exists():
            raise OperatorError(f"{setting}: {path} is not there. Put it back, or name another.")
    try:
        trusted = ssl.create_default_context(cafile=str(ca) if ca else None)
        if certificate is not None:
            trusted.load_cert_chain(certificate, key)
            require_private(key or certificate)
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"TLS to the centre cannot be set up: {error}. Check centre_ca, centre_certificate "
            "and centre_key."
        ) from error
    return trusted


def _stamp(path: Path) -> tuple[int, ...] | None:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode
    return None
