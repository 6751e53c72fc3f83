"""The hall's document: its windows and devices as its gateway gets them."""

from central.custody.open import KeyOf
from central.directory.device_settings import seal_newest
from central.store import device_settings, places
from central.store.database import Database
from protocol.hall import Device, Hall, Window

_RECEIPTS = 64  # what the document can carry for a device (protocol/hall.py)


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
