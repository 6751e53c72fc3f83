"""What every tier's tests have in common."""

import os
import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest
from postgresql import find_postgresql
from stepped_clock import find_faketime

from simulator.parts.mosquitto import find_mosquitto

ROOT = Path(__file__).parents[1]


def _find_unshare():
    """unshare, if this user may mount in a namespace of its own."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0 or None
    except OSError:
        return None


_MICROBIT = Path("/usr/share/firmware-microbit-micropython/firmware.hex")

# What a clean clone may lack: how to find it, and the command that installs it.
TOOLS = {
    "chromium": (
        lambda: shutil.which("chromium"),
        "sudo apt-get install chromium fonts-noto-cjk",
    ),
    "mosquitto": (find_mosquitto, "sudo apt-get install mosquitto"),
    "unshare": (_find_unshare, "allow user namespaces, or run as root"),
    "qemu": (
        lambda: shutil.which("qemu-system-arm") if _MICROBIT.exists() else None,
        "sudo apt-get install --no-install-recommends qemu-system-arm "
        "firmware-microbit-micropython",
    ),
    "postgresql": (find_postgresql, "sudo apt-get install postgresql"),
    "faketime": (find_faketime, "sudo apt-get install libfaketime"),
    "strace": (lambda: shutil.which("strace"), "sudo apt-get install strace"),
}


def pytest_configure(config):
    config.addinivalue_line("markers", "needs(tool): not run without this tool, see conftest.py")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Skips what needs a missing tool; with PINGJIA_REQUIRE=all that is a failure.

    Not for `unshare`: what a container's kernel forbids, no command inside it can change.
    """
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            if TOOLS[tool][0]() is None:
                is_failure = os.environ.get("PINGJIA_REQUIRE") == "all" and tool != "unshare"
                (pytest.fail if is_failure else pytest.skip)(_missing(tool))


def pytest_collection_modifyitems(config, items):
    """Journeys, which keep a processor busy, are spread between modules that mostly wait. Those of
    the standing hall come last: it costs something as long as it stands.
    """
    workers = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    standing = [item for item in items if "running_hall" in item.fixturenames]
    storms = [
        item for item in items if item.path.parent.name == "journey" and item not in standing
    ]
    others = [item for item in items if item.path.parent.name != "journey"]
    modules = [list(of_one) for _, of_one in groupby(others, lambda item: item.path)]
    size = len(others) / workers
    parts = [[] for _ in range(workers)]
    done = 0
    for module in modules:
        parts[min(int(done / size), workers - 1)].append(module)
        done += len(module)
    items.clear()
    for number, part in enumerate(parts):
        own, part = storms[number::workers], part or [[]]
        for place, module in enumerate(part, 1):
            until = len(own) * place // len(part)
            items += own[len(own) * (place - 1) // len(part) : until] + module
        items += standing[number::workers]


def pytest_terminal_summary(terminalreporter):
    """Lists what could not run, with the command that changes that, and what killed mutants."""
    ends = ("skipped", "failed", "error")
    reports = [report for end in ends for report in terminalreporter.stats.get(end, [])]
    reasons = [str(report.longrepr) for report in reports]
    for tool, (_, command) in TOOLS.items():
        count = sum(_missing(tool) in reason for reason in reasons)
        if count:
            terminalreporter.write_line(f"not run: {count} tests need {tool}: {command}")
    for report in terminalreporter.stats.get("passed", []):
        for killed in [value for name, value in report.user_properties if name == "killed"]:
            terminalreporter.write_line(killed)


def _missing(tool):
    return f"{tool} is missing: {TOOLS[tool][1]}"


@pytest.fixture(scope="session")
def firmware() -> Path:
    """The built firmware, as `make firmware` leaves it."""
    folder = ROOT / "build" / "firmware"
    if not (folder / "manifest.json").is_file():
        pytest.exit("there is no built firmware: run `make firmware` first", returncode=2)
    return folder


# Fakes stand beside the tests that use them.
for folder in ("firmware", "simulator", "journey", "workbench"):
    sys.path.insert(0, str(ROOT / "tests" / folder))
for folder in ("gateway", "central"):
    sys.path.append(str(ROOT / "tests" / folder))
