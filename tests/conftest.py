"""What every tier's tests have in common."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def firmware() -> Path:
    """The built firmware, as `make firmware` leaves it."""
    folder = ROOT / "build" / "firmware"
    if not (folder / "manifest.json").is_file():
        pytest.exit("there is no built firmware: run `make firmware` first", returncode=2)
    return folder


for folder in ("firmware", "simulator"):  # fakes stand beside the tests that use them
    sys.path.insert(0, str(ROOT / "tests" / folder))
