"""Many halls in one centre's database, made at once: tokens, windows, devices, first records.

Everything is given out once, so that the same requests can be posted to every database that
`make` fills.
"""

import hashlib
import secrets
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from central.centre import open_centre
from central.config import load_config
from central.keys import DeviceKeys, create_master_secret, read_master_secret
from central.people.tokens import hall_scope
from central.store import directory, places, tokens
from hosting.clock import now_ms
from hosting.password import new_password, password_hash
from hosting.tokens import digest, new_secret
from protocol.batch import STORED, EnvelopeItem
from protocol.envelope import mac16
from protocol.field import write
from protocol.limits import BATCH_ITEMS
from simulator.pen import Pen

STARTED_MS = 60_000  # so long before they are made here the devices were started


class BenchedHall(NamedTuple):
    """A hall, what its gateway sends as bearer token, and the pens of its devices.

    The device of pens[n] stands at window n; its first record, a `boot`, is in the centre.
    """

    name: str
    token: str
    pens: list[Pen]


class ManyHalls:
    """So many halls with so many devices each; `folder` gets the centre's files.

    made_ms: when, on this machine's clock; no record is older.
    """

    def __init__(self, folder: Path, halls: int, devices: int):
        self.made_ms = now_ms()
        self._folder = folder
        secret = folder / "master.secret"
        create_master_secret(secret)
        keys, epoch = DeviceKeys(read_master_secret(secret), halls * devices), 29_333_341
        self.halls = [
            BenchedHall(
                name := f"hall-{number:04d}",
                f"pj_{secrets.token_hex(8)}_{new_secret()}",
                [
                    Pen(device := f"{name}-{at:02d}", epoch, keys.key(device, epoch))
                    for at in range(devices)
                ],
            )
            for number in range(halls)
        ]
        self._password_hash = password_hash(new_password())
        pens = [pen for hall in self.halls for pen in hall.pens]
        self._boots = {pen.device: pen.boot(up_ms=2_000) for pen in pens}
        self._receipts = {pen.device: pen.receipt(at=self.made_ms) for pen in pens}

    def begin_anew(self) -> None:
        """The devices go on after their first records, as in a database that `make` filled."""
        for hall in self.halls:
            for pen in hall.pens:
                pen.seq, pen.prev = 1, mac16(self._boots[pen.device])

    def first_receipt(self, pen: Pen) -> str:
        """The receipt of a device's first record, as a centre signs it."""
        return self._receipts[pen.device]

    def config(self, url: str, tls: tuple[Path, Path] | None = None, more: str = "") -> Path:
        """The centre's settings file for a database. tls: certificate and key."""
        lines = [f'database_url = "{url}"', more or "listen_port = 0"]
        if tls:
            lines += [f'tls_certificate = "{tls[0]}"', f'tls_key = "{tls[1]}"']
        name = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
        path = self._folder / f"{name}.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    def make(self, url: str) -> None:
        """Fill an empty database: halls in one transaction, then the devices' first records."""
        centre = open_centre(load_config(self.config(url)))
        try:
            with centre.database.write() as connection:
                for hall in self.halls:
                    self._add(connection, hall)
            many = max(1, BATCH_ITEMS // len(self.halls[0].pens))  # halls of one batch
            for start in range(0, len(self.halls), many):
                halls = self.halls[start : start + many]
                items = [
                    EnvelopeItem(self._boots[pen.device].decode(), self.made_ms, None, None, ())
                    for hall in halls
                    for pen in hall.pens
                ]
                names = tuple(hall.name for hall in halls)
                answer = centre.intake.take(names, [write(item) for item in items])
                assert {one.verdict for one in answer.verdicts} == {STORED}, answer.verdicts[0]
        finally:
            centre.close()

    def _add(self, connection: Connection, hall: BenchedHall) -> None:
        values = {"hall": hall.name, "name": f"大厅{hall.name[-4:]}", "mqtt_host": "broker"}
        places.add_hall(connection, {**values, "mqtt_port": 8883, "mqtt_ca": None})
        _, token_id, secret = hall.token.split("_", 2)
        token = {"id": token_id, "secret_sha256": digest(secret).hex(), "revoked_at_ms": None}
        token |= {"scopes": hall_scope(hall.name), "created_at_ms": self.made_ms}
        tokens.add(connection, token)
        for number, pen in enumerate(hall.pens):
            window = {"hall": hall.name, "window": window_of(number), "name": f"{number}号窗口"}
            directory.put_window(connection, **window, is_closed=False)
            device = {"device": pen.device, "epoch": pen.epoch, "password_hash": "", **window}
            del device["name"]
            device |= {"password_hash": self._password_hash, "revoked_at_ms": None}
            places.add_device(connection, {**device, "enrolled_at_ms": self.made_ms})


def window_of(number: int) -> str:
    """The window of a hall's device, by the device's place among the hall's pens."""
    return f"w{number}"
