"""Devices: enrolled at a window, with a key, a password and a bundle of their own; revoked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from central.custody import revocation
from central.custody.open import KeyOf
from central.directory.device_settings import digest_of
from central.directory.halls import checked
from central.keys import LINK
from central.store import covers, places, tokens
from central.store.database import Database
from central.store.people import acts
from central.store.people.acts import COMMAND
from central.store.places import Enrolment
from hosting.clock import written
from hosting.error import OperatorError
from hosting.password import new_password, password_hash
from hosting.secret_file import write_new
from protocol.field import Text, device_id
from protocol.hall import DEVICES


class TakenError(OperatorError):
    """A device of this id is enrolled, and nobody said that it is to be enrolled anew."""


class UsedUpError(OperatorError):
    """A technician's token enrols nothing more."""


class Devices:
    """What `pingjia central enrol` and imports do, and what a bench asks for.

    is_direct: what a bench enrols needs nobody's approval. What is refused is an OperatorError.
    """

    def __init__(
        self,
        database: Database,
        key_of: KeyOf,
        now_ms: Callable[[], int],
        is_direct: bool = False,
    ) -> None:
        self._database = database
        self._key_of = key_of
        self._now_ms = now_ms
        self._is_direct = is_direct

    def enrol(
        self, device: str, hall: str, window: str, bundle_file: Path, replaces: bool = False
    ) -> int:
        """Enrol a device at a window and write its bundle; the new epoch.

        replaces: although it was enrolled before; else that is a TakenError. It then gets a new
        epoch, a new key and a new password; what it signed before stays verifiable, and its old
        epoch stays open (central/directory/endings.py).
        """
        with self._database.write() as connection:
            if not replaces:
                _require_free(connection, device, None)
            epoch = self.enrol_within(connection, device, hall, window, bundle_file)
            acts.add(connection, self._now_ms(), COMMAND, "device.enrol", f"{device}/{epoch}")
            return epoch

    def enrol_within(
        self, connection: Connection, device: str, hall: str, window: str, bundle_file: Path
    ) -> int:
        """`enrol` as part of a transaction, whether it was enrolled before or not."""
        epoch, bundle = self._issue(connection, device, hall, window, None)
        write_new(bundle_file, bundle)
        return epoch

    def issue(
        self, device: str, hall: str, window: str, token_id: str, replaces: bool = False
    ) -> bytes:
        """Enrol a device as `enrol` does, for the holder of a technician's token; its bundle,
        which is kept nowhere here. The enrolment is pending unless `is_direct`. What this token
        enrolled and never spoke since can be enrolled anew without a word: a cable was pulled.

        Raises UsedUpError if the token has enrolled as many as it may.
        """
        with self._database.write() as connection:
            if not replaces:
                _require_free(connection, device, token_id)
            if not tokens.use(connection, token_id):
                raise UsedUpError(
                    "this token has enrolled as many devices as it may; "
                    "ask the centre's operator for a new one"
                )
            epoch, bundle = self._issue(connection, device, hall, window, token_id)
            who = f"token:{token_id}"
            acts.add(connection, self._now_ms(), who, "device.enrol", f"{device}/{epoch}")
            return bundle

    def move(self, device: str, window: str) -> Enrolment:
        """Let a device stand at another window of its hall; where it stood."""
        with self._database.write() as connection:
            known = places.epochs(connection, device)
            if not known:
                raise OperatorError(f"no device is named {device}.")
            _require_window(connection, known[0].hall, window)
            places.move(connection, known[0], window)
            places.bump_versions(connection, [known[0].hall])
            told = f"{known[0].hall}: {known[0].window} -> {window}"
            acts.add(connection, self._now_ms(), COMMAND, "device.move", device, told)
        return known[0]

    def retire(self, device: str, hall: str, reason: str, who: str = COMMAND) -> bool:
        """Revoke a device of this hall from now on; whether it is one. Once is enough."""
        with self._database.write() as connection:
            rows = places.current_devices(connection, hall)
            row = next((row for row in rows if row.device == device), None)
            if row is not None and row.revoked_at_ms is None:
                now_ms = self._now_ms()
                revocation.revoke(connection, device, now_ms, reason, now_ms)
                acts.add(connection, now_ms, who, "device.revoke", device, reason)
        return row is not None

    def _issue(
        self, connection: Connection, device: str, hall: str, window: str, token_id: str | None
    ) -> tuple[int, bytes]:
        checked(device_id, device, "the device's id")
        if device == LINK:  # its key would be that of some hall's links
            raise OperatorError(f"no device may be named {LINK}: choose another id.")
        password = new_password()
        row = places.require_hall(connection, hall)
        _require_room(connection, device, hall, window)
        # What is filed for the device meanwhile is seen here, or sees the end of its epoch.
        known = places.epochs(connection, device)
        places.lock_halls(connection, {hall, *[one.hall for one in known]})
        former = places.epochs(connection, device)
        now_ms = self._now_ms()
        covers.end_epochs(connection, [one[:2] for one in former], now_ms)
        # Never an epoch again, not even for two enrolments in one minute.
        epoch = max(now_ms // 60_000, former[0].epoch + 1 if former else 0)
        is_approved = token_id is None or self._is_direct
        values = {
            "device": device,
            "epoch": epoch,
            "hall": hall,
            "window": window,
            "password_hash": password_hash(password),
            "enrolled_at_ms": now_ms,
            "revoked_at_ms": None,
            "proven_ms": row.proven_ms,
            "enrolled_by": token_id,
            "approved_at_ms": now_ms if is_approved else None,
            "broker": digest_of(row.mqtt_host, row.mqtt_port, row.mqtt_ca),
        }
        places.add_device(connection, values)
        places.bump_versions(connection, {hall, *[known.hall for known in former[:1]]})
        return epoch, _bundle(device, epoch, self._key_of(device, epoch), row, password)


def revoke_device(
    database: Database, device: str, at_ms: int | None, reason: str, now_ms: int
) -> int:
    """Revoke a device from `at_ms`, or now, on; how many held records were signed later.

    What is refused is an OperatorError.
    """
    at_ms = now_ms if at_ms is None else at_ms
    checked(device_id, device, "the device's id")
    checked(Text(200), reason, "the reason")
    if at_ms > now_ms:
        raise OperatorError("the time of a revocation must not lie in the future.")
    with database.write() as connection:
        known = places.epochs(connection, device)
        if not known:
            raise OperatorError(
                f"no device is named {device}: `pingjia central device list` shows them."
            )
        if all(place.revoked_at_ms for place in known):
            raise OperatorError(f"{device} is revoked already; its first time and reason stay.")
        count = revocation.revoke(connection, device, at_ms, reason, now_ms)
        told = f"since {written(at_ms)}: {reason}"
        acts.add(connection, now_ms, COMMAND, "device.revoke", device, told)
        return count


def _require_free(connection: Connection, device: str, token_id: str | None) -> None:
    former = places.epochs(connection, device)
    if not former:
        return
    (end,) = (one for one in places.ends(connection, [device]) if one.epoch == former[0].epoch)
    has_spoken = end.highest_seq > 0 or end.head_seq is not None
    if token_id is not None and former[0].enrolled_by == token_id and not has_spoken:
        return
    at_ms = former[0].revoked_at_ms
    revoked = "" if at_ms is None else f", and revoked since {written(at_ms)}"
    raise TakenError(
        f"{device} is enrolled at {former[0].hall}/{former[0].window}{revoked}: choose another "
        "id, or add --replace to enrol it anew, which ends the one that is there."
    )


def _require_window(connection: Connection, hall: str, window: str) -> None:
    if all(row.window != window for row in places.windows(connection, hall)):
        raise OperatorError(
            f"the hall {hall} has no window {window}: add it with "
            f"`pingjia central window add --hall {hall} --window {window} --name …`."
        )


def _require_room(connection: Connection, device: str, hall: str, window: str) -> None:
    _require_window(connection, hall, window)
    others = [row for row in places.current_devices(connection, hall) if row.device != device]
    if len(others) >= DEVICES:
        raise OperatorError(f"the hall {hall} has {DEVICES} devices, the most there are.")


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
