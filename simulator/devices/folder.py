"""A virtual device's folder: identity.json, and flash/ as a technician leaves it."""

import json
import os
import shutil
from pathlib import Path

from hosting.error import OperatorError
from protocol.field import ProtocolError, device_id
from shipped import without_firmware


class FirmwareError(OperatorError):
    """There is no built firmware where it should be."""


def check_firmware(firmware: Path):
    """Raises FirmwareError if `firmware` is not what `make firmware` builds."""
    if not (firmware / "manifest.json").is_file():
        raise FirmwareError(f"there is no firmware in {firmware}: {without_firmware(firmware)}.")


def of_bundle(devices: Path, firmware: Path, bundle: Path) -> Path:
    """Makes the folder of a bundle's device among `devices`; gives it. Raises OperatorError."""
    try:
        device = device_id(json.loads(bundle.read_bytes())["device"], "device")
    except (OSError, ValueError, KeyError, TypeError, ProtocolError) as error:
        raise OperatorError(f"{bundle} is no bundle of a device: {error!r}.") from None
    folder = devices / device
    if folder.exists():
        raise OperatorError(f"{folder} is there already, with its journal: move it away first.")
    flash(folder, firmware, bundle)
    return folder


def flash(folder: Path, firmware: Path, bundle: Path) -> str:
    """Makes a device's folder from the built firmware and a bundle; gives the device's id.

    Raises FirmwareError if `firmware` holds no manifest.
    """
    check_firmware(firmware)
    folder.mkdir(parents=True)
    # pip compiles main.py beside it, for another Python than the device's.
    shutil.copytree(firmware, folder / "flash", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(bundle, folder / "identity.json")
    os.chmod(folder / "identity.json", 0o600)
    return json.loads(bundle.read_text())["device"]
