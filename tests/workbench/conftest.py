"""A device on a cable for each test that wants one."""

import pytest

from simulator.devices.usb import UsbDevice


@pytest.fixture
def usb(tmp_path):
    """Makes devices: usb("xj-0417", capacity=…); their cables are pulled at the end."""
    made = []

    def make(name: str = "xj-0417", **options) -> UsbDevice:
        device = UsbDevice(tmp_path / "devices" / name, **options).__enter__()
        made.append(device)
        return device

    yield make
    for device in made:
        device.pull()
