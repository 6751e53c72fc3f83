"""The hall's document: its windows, people, matters and devices as its gateway gets them."""

from central.directory.device_settings import seal_newest
from central.directory.roll import clerks, dealt_with
from central.keys import DeviceKeys
from central.store import device_settings, places
from central.store.database import Database
from protocol.hall import Device, Hall, Invites, Window

_RECEIPTS = 64  # what the document can carry for a device (protocol/hall.py)


def hall_document(database: Database, hall: str, keys: DeviceKeys, today: int) -> Hall | None:
    """The document of a hall as its gateway gets it, or None for an unknown hall.

    A device stands in the hall of its newest enrolment only. today: whose staff and matters it
    has, as a number. Its key of links is for this hall's gateway alone.
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
        staff = clerks(connection, hall, today)
        matters = dealt_with(connection, hall, today)
    return Hall(
        version=row.version,
        hall=hall,
        windows=tuple(Window(window.window, window.name) for window in windows),
        staff=staff,
        matters=matters,
        invites=Invites(True, True, True, True),  # until the region's rules say otherwise
        link_key=keys.link_key(hall).hex(),
        devices=tuple(
            Device(
                device=device.device,
                window=device.window,
                epoch=device.epoch,
                password_hash=device.password_hash,
                revoked=device.revoked_at_ms is not None,
                settings=seal_newest(wanted, row, device, keys.key(device.device, device.epoch)),
                update=None,
                receipts=tuple(receipts.get(device.device, [])[:_RECEIPTS]),
            )
            for device in devices
        ),
    )
