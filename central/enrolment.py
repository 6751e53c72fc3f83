"""Halls, windows, devices and tokens: what an operator adds, and the hall's document."""

import base64
import json
import secrets
from collections.abc import Callable
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError

from central import revocation, tokens
from central.device_settings import seal_newest
from central.error import CentralError
from central.roster import Place
from central.secret_file import write_new
from central.store import device_settings, places
from central.store.database import Database
from central.verify import KeyOf
from protocol.field import ProtocolError, device_id, place_id, text
from protocol.hall import Device, Hall, Window

_WINDOWS = 1000  # what a hall's document can carry (protocol/hall.py)
_DEVICES = 2000
_RECEIPTS = 64
_PBKDF2_ROUNDS = 101  # mosquitto's own number; the password has 256 bits, so it need not be slow


class Enrolment:
    """What `pingjia central` adds. Everything that is refused is an CentralError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def has_devices(self) -> bool:
        """Whether any device was ever enrolled."""
        with self._database.read() as connection:
            return places.has_devices(connection)

    def add_hall(
        self, hall: str, name: str, host: str, port: int, ca: str | None, token_file: Path
    ) -> None:
        """Add a hall and write its gateway's token. ca: the broker's CA as PEM, or None."""
        values = {
            "hall": _checked(place_id, hall, "the hall's id"),
            "name": _checked(text(64), name, "the hall's name"),
            "mqtt_host": _checked(text(253), host, "the broker's host"),
            "mqtt_port": port,
            "mqtt_ca": ca,
        }
        try:
            with self._database.write() as connection:
                places.add_hall(connection, values)
                self._add_token(connection, tokens.hall_scope(hall), token_file)
        except IntegrityError:
            raise CentralError(f"the hall {hall} exists already.") from None

    def add_window(self, hall: str, window: str, name: str) -> None:
        """Add a window to a hall."""
        values = {
            "hall": hall,
            "window": _checked(place_id, window, "the window's id"),
            "name": _checked(text(64), name, "the window's name"),
        }
        with self._database.write() as connection:
            self._require_hall(connection, hall)
            windows = places.windows(connection, hall)
            if any(row.window == window for row in windows):
                raise CentralError(f"the hall {hall} has a window {window} already.")
            if len(windows) >= _WINDOWS:
                raise CentralError(f"the hall {hall} has {_WINDOWS} windows, the most there are.")
            places.add_window(connection, values)
            places.bump_versions(connection, [hall])

    def enrol(self, device: str, hall: str, window: str, key_of: KeyOf, bundle_file: Path) -> int:
        """Enrol a device at a window and write its bundle; the new epoch.

        A device enrolled before gets a new epoch, a new key and a new password; what it signed
        before stays verifiable.
        """
        with self._database.write() as connection:
            epoch, bundle = self._issue(connection, device, hall, window, key_of)
            write_new(bundle_file, bundle)
        return epoch

    def issue(self, device: str, hall: str, window: str, key_of: KeyOf) -> bytes:
        """Enrol a device as `enrol` does; its bundle, which is kept nowhere here."""
        with self._database.write() as connection:
            return self._issue(connection, device, hall, window, key_of)[1]

    def _issue(
        self, connection: Any, device: str, hall: str, window: str, key_of: KeyOf
    ) -> tuple[int, bytes]:
        _checked(device_id, device, "the device's id")
        password = secrets.token_urlsafe(32)
        now_ms = self._now_ms()
        row = self._require_hall(connection, hall)
        self._require_place(connection, device, hall, window)
        former = places.epochs(connection, device)
        # Never an epoch again, not even for two enrolments in one minute.
        epoch = max(now_ms // 60_000, former[0].epoch + 1 if former else 0)
        values = {
            "device": device,
            "epoch": epoch,
            "hall": hall,
            "window": window,
            "password_hash": hash_password(password, secrets.token_bytes(12)),
            "enrolled_at_ms": now_ms,
            "revoked_at_ms": None,
        }
        places.add_device(connection, values)
        places.bump_versions(connection, {hall, *[known.hall for known in former[:1]]})
        return epoch, _bundle(device, epoch, key_of(device, epoch), row, password)

    def equip(self, hall: str, roster: list[Place], key_of: KeyOf, folder: Path) -> int:
        """Add the windows of a roster and enrol its devices; how many are new.

        Bundles are `folder`/DEVICE.json. What is there already stays as it is, so that an import
        which was interrupted can be repeated.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._database.read() as connection:
            self._require_hall(connection, hall)
            known = {row.window for row in places.windows(connection, hall)}
        for place in roster:
            if place.window not in known:
                self.add_window(hall, place.window, place.name)
        new = [place for place in roster if not (folder / f"{place.device}.json").exists()]
        for place in new:
            bundle = folder / f"{place.device}.json"
            self.enrol(place.device, hall, place.window, key_of, bundle)
        return len(new)

    def revoke(self, device: str, at_ms: int | None, reason: str) -> int:
        """Revoke a device from `at_ms`, or now, on; how many held records were signed later."""
        now_ms = self._now_ms()
        at_ms = now_ms if at_ms is None else at_ms
        _checked(device_id, device, "the device's id")
        _checked(text(200), reason, "the reason")
        if at_ms > now_ms:
            raise CentralError("the time of a revocation must not lie in the future.")
        with self._database.write() as connection:
            known = places.epochs(connection, device)
            if not known:
                raise CentralError(
                    f"no device is named {device}: `GET /v1/halls/<hall>` lists a hall's."
                )
            if all(place.revoked_at_ms for place in known):
                raise CentralError(f"{device} is revoked already; its first time and reason stay.")
            return revocation.revoke(connection, device, at_ms, reason, now_ms)

    def add_token(self, scope: str, token_file: Path) -> None:
        """Write a new token of one scope."""
        with self._database.write() as connection:
            if scope not in tokens.READERS:
                halls = tokens.halls_of((scope,)) + tokens.enrollers_of((scope,))
                hall = next(iter(halls), None)
                if hall is None:
                    raise CentralError(
                        f"no scope is named {scope}: use {', '.join(tokens.READERS)}, "
                        "hall:<hall> or enrol:<hall>."
                    )
                self._require_hall(connection, hall)
            self._add_token(connection, scope, token_file)

    def tokens(self) -> Any:
        """All tokens: rows with id, scopes, created_at_ms, revoked_at_ms."""
        with self._database.read() as connection:
            return places.every_token(connection)

    def revoke_token(self, token_id: str) -> None:
        """Take a token back: it opens nothing more."""
        with self._database.write() as connection:
            if not places.revoke_token(connection, token_id, self._now_ms()):
                raise CentralError(
                    f"no token that is good has the id {token_id}: "
                    "`pingjia central token list` names them."
                )

    def _add_token(self, connection: Any, scope: str, token_file: Path) -> None:
        token = tokens.make_token()
        values = {
            "id": token.id,
            "secret_sha256": token.secret_sha256,
            "scopes": scope,
            "created_at_ms": self._now_ms(),
            "revoked_at_ms": None,
        }
        places.add_token(connection, values)
        write_new(token_file, f"{token.text}\n".encode())

    def _require_hall(self, connection: Any, hall: str) -> Any:
        row = places.hall(connection, hall)
        if row is None:
            raise CentralError(
                f"no hall is named {hall}: add it with `pingjia central hall add {hall} …`."
            )
        return row

    def _require_place(self, connection: Any, device: str, hall: str, window: str) -> None:
        if all(row.window != window for row in places.windows(connection, hall)):
            raise CentralError(
                f"the hall {hall} has no window {window}: add it with "
                f"`pingjia central window add --hall {hall} --window {window} --name …`."
            )
        others = [row for row in places.current_devices(connection, hall) if row.device != device]
        if len(others) >= _DEVICES:
            raise CentralError(f"the hall {hall} has {_DEVICES} devices, the most there are.")


def hall_document(database: Database, hall: str, key_of: KeyOf) -> Hall | None:
    """The document of a hall as its gateway gets it, or None for an unknown hall.

    A device stands in the hall of its newest enrolment only.
    """
    with database.read() as connection:
        row = places.hall(connection, hall)
        if row is None:
            return None
        devices = places.current_devices(connection, hall)
        receipts: dict[str, list[str]] = {}
        for found in places.receipts(connection, [device.device for device in devices]):
            receipts.setdefault(found.device, []).append(found.receipt.decode())
        windows = places.windows(connection, hall)
        wanted = device_settings.of_hall(connection, hall)
    return Hall(
        version=row.version,
        hall=hall,
        windows=tuple(Window(window.window, window.name) for window in windows),
        devices=tuple(
            Device(
                device=device.device,
                window=device.window,
                epoch=device.epoch,
                password_hash=device.password_hash,
                revoked=device.revoked_at_ms is not None,
                settings=seal_newest(wanted, device, key_of(device.device, device.epoch)),
                update=None,
                receipts=tuple(receipts.get(device.device, [])[:_RECEIPTS]),
            )
            for device in devices
        ),
    )


def hash_password(password: str, salt: bytes) -> str:
    """A password in mosquitto's form, which both brokers accept."""
    digest = pbkdf2_hmac("sha512", password.encode(), salt, _PBKDF2_ROUNDS)
    encoded = [base64.b64encode(part).decode() for part in (salt, digest)]
    return f"$7${_PBKDF2_ROUNDS}${encoded[0]}${encoded[1]}"


def _bundle(device: str, epoch: int, key: bytes, hall: Any, password: str) -> bytes:
    members = {
        "device": device,
        "epoch": epoch,
        "key": key.hex(),
        "hall": hall.hall,
        "mqtt": {
            "host": hall.mqtt_host,
            "port": hall.mqtt_port,
            "username": device,
            "password": password,
            "ca": hall.mqtt_ca,
        },
    }
    return json.dumps(members, indent=1).encode() + b"\n"


def _checked(check: Any, value: str, what: str) -> str:
    try:
        return check(value, what)
    except ProtocolError as error:
        raise CentralError(f"{error}.") from None
