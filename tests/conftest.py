"""What every tier's tests have in common."""

import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from simulator.mosquitto import find_mosquitto

ROOT = Path(__file__).parents[1]

# What a clean clone may lack: how to find it, and the command that installs it.
TOOLS = {
    "chromium": (
        lambda: shutil.which("chromium"),
        "sudo apt-get install chromium fonts-noto-cjk",
    ),
    "mosquitto": (find_mosquitto, "sudo apt-get install mosquitto"),
    "strace": (lambda: shutil.which("strace"), "sudo apt-get install strace"),
}
_NOT_RUN = Counter()


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(tool): not run without this tool, see conftest.py")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skips what needs a missing tool; with PINGJIA_REQUIRE=all that is a failure."""
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            find, command = TOOLS[tool]
            if find() is None:
                _NOT_RUN[tool] += 1
                is_failure = os.environ.get("PINGJIA_REQUIRE") == "all"
                (pytest.fail if is_failure else pytest.skip)(f"{tool} is missing: {command}")


def pytest_terminal_summary(terminalreporter):
    """Lists what could not run, with the command that changes that."""
    for tool, count in _NOT_RUN.items():
        terminalreporter.write_line(f"not run: {count} tests need {tool}: {TOOLS[tool][1]}")


@pytest.fixture(scope="session")
def firmware() -> Path:
    """The built firmware, as `make firmware` leaves it."""
    folder = ROOT / "build" / "firmware"
    if not (folder / "manifest.json").is_file():
        pytest.exit("there is no built firmware: run `make firmware` first", returncode=2)
    return folder


for folder in ("firmware", "simulator", "journey"):  # fakes stand beside the tests that use them
    sys.path.insert(0, str(ROOT / "tests" / folder))
