"""A virtual device's folder: identity.json, and flash/ as a technician leaves it."""

import json
import os
import shutil
from pathlib import Path

from hosting.error import OperatorError


class FirmwareError(OperatorError):
    """There is no built firmware where it should be."""


def check_firmware(firmware: Path):
    """Raises FirmwareError if `firmware` is not what `make firmware` builds."""
    if not (firmware / "manifest.json").is_file():
        raise FirmwareError(f"there is no firmware in {firmware}: run `make firmware` first")


def flash(folder: Path, firmware: Path, bundle: Path) -> str:
    """Makes a device's folder from the built firmware and a bundle; gives the device's id.

    Raises FirmwareError if `firmware` holds no manifest.
    """
    check_firmware(firmware)
    folder.mkdir(parents=True)
    shutil.copytree(firmware, folder / "flash")
    shutil.copyfile(bundle, folder / "identity.json")
    os.chmod(folder / "identity.json", 0o600)
    return json.loads(bundle.read_text())["device"]
