"""A private CA for tests and benches, as a province has one."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """A province's own CA; what it signs is good for a day and stands in `folder`."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "province")])
        self.file = self._write("ca", self._key, self._sign("province", self._key, True))[0]

    def issue(
        self, name: str, host: str = "127.0.0.1", days: tuple[int, int] = (-1, 1)
    ) -> tuple[Path, Path]:
        """(certificate, key) for an address, as PEM files; days: from when to when, from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        return self._write(name, key, self._sign(name, key, False, host, days))

    @staticmethod
    def now_ms() -> int:
        """Epoch milliseconds."""
        return round(datetime.now(UTC).timestamp() * 1000)

    def _sign(self, name, key, is_ca, host="127.0.0.1", days=(-10, 10)):
        now = datetime.now(UTC)
        local = x509.IPAddress(ipaddress.ip_address(host))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(is_ca, None), True)
            .add_extension(x509.SubjectAlternativeName([local]), False)
        )
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name, key, certificate):
        pem = serialization.Encoding.PEM
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(pem))
        files[1].touch(0o600)
        files[1].write_bytes(key.private_bytes(pem, *form))
        return files
