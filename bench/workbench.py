"""Flashing a board against `mpremote fs cp -r` of the same files: `python -m bench.workbench`.

Both put the built firmware on a blank real MicroPython behind a pseudo-terminal, once with
raw-paste and once with it refused; ours verifies every byte. A real cable is slower for both:
compare the ratio. Then what a technician waits for: a blank board becomes a device, and is checked
again.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import mpremote.main

from simulator.devices.usb import UsbDevice
from workbench.board.flash import put_firmware
from workbench.board.release import read_release
from workbench.board.repl import Board
from workbench.desk import bench

FIRMWARE = Path(__file__).resolve().parents[1] / "build" / "firmware"
WHOLE_S, AGAIN_S = 30.0, 5.0


def results() -> list[dict]:
    """Rows as every bench gives them."""
    return [row for is_raw_paste in (True, False) for row in _compare(is_raw_paste)]


def _compare(is_raw_paste: bool) -> list[dict]:
    release, words = read_release(FIRMWARE), "raw-paste" if is_raw_paste else "no raw-paste"
    with tempfile.TemporaryDirectory(prefix="pingjia-") as name:
        folder = Path(name)
        with UsbDevice(folder / "theirs", is_raw_paste=is_raw_paste) as device:
            theirs_s = _seconds(lambda: _copy(device.port))
        with UsbDevice(folder / "ours", is_raw_paste=is_raw_paste) as device:
            ours_s = _seconds(lambda: _write(device.port, release))
        with UsbDevice(folder / "blank", is_raw_paste=is_raw_paste) as device:
            job = bench.Job(release, None, False, False, folder / "devices.csv")
            first = job._replace(bundles=bench.from_files(_bundle(folder)))
            whole_s = _seconds(lambda: bench.work(device.port, first, _show))
            again_s = _seconds(lambda: bench.work(device.port, job, _show))
    return [
        {
            "name": f"write and verify the firmware, s ({words}; mpremote only copies)",
            "ours": round(ours_s, 2),
            "reference": round(theirs_s, 2),
            "ratio": round(theirs_s / ours_s, 2),
            "target": "faster than mpremote fs cp -r",
            "holds": ours_s < theirs_s,
        },
        _limit(f"blank board flashed, verified, enrolled, alive, s ({words})", whole_s, WHOLE_S),
        _limit(f"unchanged firmware checked again, alive, s ({words})", again_s, AGAIN_S),
    ]


def _limit(name, took_s, limit_s):
    return {
        "name": name,
        "ours": round(took_s, 2),
        "reference": limit_s,
        "ratio": round(limit_s / took_s, 2),
        "target": f"under {limit_s:g} s",
        "holds": took_s < limit_s,
    }


def _write(port, release):
    with Board(port) as board:
        board.require_usable()
        put_firmware(board, release, _show)


def _show(sent, total):
    pass  # the bars are the terminal's


def _bundle(folder):
    mqtt = {"host": "127.0.0.1", "port": 1, "username": "xj-0417", "password": "x", "ca": None}
    members = {"device": "xj-0417", "epoch": 29333341, "key": "0" * 64, "hall": "demo"}
    path = folder / "xj-0417.json"
    path.write_text(json.dumps(members | {"mqtt": mqtt}))
    os.chmod(path, 0o600)
    return path


def _copy(port):
    sources = sorted(str(path) for path in FIRMWARE.iterdir())
    # In this process, as ours: what Python takes to start belongs to neither.
    sys.argv = ["mpremote", "connect", port, "fs", "cp", "-r", *sources, ":"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert mpremote.main.main() == 0


def _seconds(action) -> float:
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


if __name__ == "__main__":
    rows = results()
    for row in rows:
        print(f"{row['name']}: {row['ours']} (reference {row['reference']}), x{row['ratio']}")
    sys.exit(not all(row["holds"] for row in rows))
