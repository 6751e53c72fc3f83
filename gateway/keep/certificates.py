"""The hall's own CA, and the certificate of its broker and its API, renewed long before it ends.

A CA for 10 years, which devices and queue systems trust: it signs servers' certificates only, but
of any name, as boards refuse a CA whose critical extension limits names. Certificates for 397
days, as browsers want them. Key and certificate are one file, so that a renewal replaces both at
once and no power cut leaves a pair that does not fit.
"""

import contextlib
import ipaddress
import math
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.config import CA, CA_KEY, SERVER
from gateway.keep.alarms import Alarms
from gateway.keep.metrics import Metrics
from hosting.error import OperatorError
from hosting.log import harmless
from hosting.secret_file import require_private

_CA_DAYS = 3650
_DAYS = 397
_RENEW_DAYS = 60  # before its end
_ALARM_DAYS = 30
_EARLIER = timedelta(hours=1)  # clocks of a hall differ
_PEM = serialization.Encoding.PEM
_MAKE = "Make it: pingjia gateway secure"


class Renewal:
    """Keeps the certificate in `folder` young, and tells whoever serves with it.

    use: called when there is a new one, each must take the file without a restart.
    """

    def __init__(self, folder: Path, alarms: Alarms, use: list[Callable]):
        self._certificates = Certificates(folder)
        self._alarms = alarms
        self._use = use
        self._used = self._certificates.stamp()

    def look(self) -> None:
        """Renew if it is time; the alarm `certificate` says what stands in the way."""
        with contextlib.suppress(OperatorError):  # then the certificate ends soon: said below
            self._certificates.renew(now_utc())
        problem = self._certificates.problem(now_utc())
        newest = self._certificates.stamp()
        if newest != self._used and days_shown(self._certificates.folder) is not None:
            try:  # renewed by us, or by whoever ran `pingjia gateway secure`
                for use in self._use:
                    use()
                self._used = newest
            except (OSError, ValueError) as error:
                problem = f"{self._certificates.server} cannot be used ({error}). {_MAKE}"
        if problem is None:
            self._alarms.clear("certificate")
        else:
            self._alarms.set("certificate", problem)


class Certificates:
    """The files in `folder`. Every method raises OperatorError."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.ca = folder / CA
        self.server = folder / SERVER

    def make(self, hall: str, names: list[str], now: datetime) -> None:
        """A CA, if there is none yet, and a certificate for `names`, numbers or DNS names.

        Loopback is always among them: the gateway itself goes there.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.ca.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Pingjia hall {hall}")])
            ca = _signed(name, name, key, key, None, now, _CA_DAYS)
            _replace(self.folder / CA_KEY, _text(key))
            _replace(self.ca, ca.public_bytes(_PEM).decode(), 0o644)
        self._issue([*dict.fromkeys([*names, "127.0.0.1", "localhost"])], now)

    def stamp(self) -> int:
        """Changes with the certificate's file; 0 without one."""
        try:
            return self.server.stat().st_mtime_ns
        except OSError:
            return 0

    def names(self) -> list[str]:
        """Whom the certificate is for."""
        names = self._newest().extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return [str(name.value) for name in names.value]

    def days_left(self, now: datetime) -> int:
        """Whole days until the certificate ends; negative once it has."""
        return (self._newest().not_valid_after_utc - now).days

    def renew(self, now: datetime) -> bool:
        """Renews the certificate if it is time; whether it was."""
        newest = self._newest()
        is_young = newest.not_valid_before_utc <= now  # a clock that was set back
        if is_young and self.days_left(now) >= _RENEW_DAYS:
            return False
        self._issue(self.names(), now)
        return True

    def problem(self, now: datetime) -> str | None:
        """A sentence if the certificate ends soon or cannot be read, else None."""
        try:
            days = self.days_left(now)
        except OperatorError as error:
            return str(error)
        if days >= _ALARM_DAYS:
            return None
        return (
            f"The certificate of broker and API ends in {days} days, and was not renewed. Is "
            f"{self.folder} writable, with {CA_KEY} in it? `pingjia gateway secure` renews it."
        )

    def _issue(self, names, now):
        key_file = self.folder / CA_KEY
        try:
            require_private(key_file)
            ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
            ca_key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise OperatorError(
                f"{key_file}: the hall's CA cannot be used ({error}). Without it nothing can be "
                "renewed: a new one (another --out) means a new CA for every device."
            ) from None
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        certificate = _signed(ca.subject, subject, ca_key, key, names, now, _DAYS)
        _replace(self.server, _text(key) + certificate.public_bytes(_PEM).decode())

    def _newest(self) -> x509.Certificate:
        try:
            return x509.load_pem_x509_certificate(self.server.read_bytes())
        except (OSError, ValueError) as error:
            raise OperatorError(f"{self.server} is no certificate ({error}). {_MAKE}") from None


def days_shown(folder: Path | None) -> int | None:
    """Whole days until the certificate in a folder ends, by this machine's clock; None where there
    is none that can be read: an alarm says so.
    """
    with contextlib.suppress(OperatorError):
        return None if folder is None else Certificates(folder).days_left(now_utc())
    return None


def count_days(metrics: Metrics, folder: Path | None) -> None:
    """The same as a metric: not a number where there is none."""

    def days() -> float:
        shown = days_shown(folder)
        return math.nan if shown is None else shown

    metrics.watch("certificate_days", "Until the certificate of broker and API ends.", days)


def now_utc() -> datetime:
    """What the clock of this machine says."""
    return datetime.now(UTC)


def _signed(issuer, subject, issuer_key, key, names, now, days):
    is_ca = names is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_ca, 0 if is_ca else None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
        .add_extension(_usage(is_ca), True)
    )
    if not is_ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(name) for name in names]), False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(is_ca):
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name):
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
        raise OperatorError(
            f"--name {harmless(name)[:80]} is neither an address nor a host's name, such as "
            "10.1.2.3 or hall.example."
        )
    return x509.DNSName(name)


def _text(key):
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(_PEM, *form).decode()


def _replace(path: Path, text: str, mode: int = 0o600) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None
