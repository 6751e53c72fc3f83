"""The fault tests can fail: the same faults against weakened builds, on the oracle's count."""

import asyncio
from pathlib import Path

import pytest
from storms import SEED, press_until, run_storm, run_with, weaken

from simulator.parts.faults import FAULTS, storm

WEAKENED = Path(__file__).parent / "weakened"
REMEMBERED = "acknowledged.json"  # see weakened/gateway_acks_early.py
PATIENCE_S = 5  # what was going to arrive has arrived by then


@pytest.fixture
def hasty_firmware(tmp_path, firmware):
    """Firmware that thanks before the append is closed."""
    append = "        try:\n            envelope = self._append(\n                Rating,"
    thanks = "        self._session.rate(self._clock.up_ms())\n        self._show()\n"
    return weaken(firmware, tmp_path / "firmware", append, thanks + append)


@pytest.mark.long  # tests/firmware/test_power_cuts.py has such journals in process
def test_a_device_that_thanks_before_the_append_is_closed_loses(
    tmp_path, firmware, hasty_firmware
):
    verdict = run_storm(
        tmp_path,
        firmware,
        "device-alone-power-cut",
        4,
        flashed=hasty_firmware,
        flash_ms=30,
        patience_s=PATIENCE_S,
    )
    assert verdict.lost > 0
    assert verdict.duplicate == verdict.altered == 0


def test_a_gateway_that_acknowledges_before_it_commits_loses(tmp_path, firmware):
    async def scenario(run):
        remembered = run.hall.folder / REMEMBERED
        people = asyncio.create_task(run.crowd.run(None))
        for _ in range(2):
            before = remembered.read_text()
            async with asyncio.timeout(60):
                while remembered.read_text() in ("", before):
                    await asyncio.sleep(0.01)
            await FAULTS["gateway-kill"](run, None)
        run.crowd.stop()
        await people

    verdict = run_with(
        tmp_path,
        firmware,
        scenario,
        gateway_program=WEAKENED / "gateway_acks_early.py",
        patience_s=PATIENCE_S,
    )
    assert verdict.lost > 0
    assert verdict.duplicate == verdict.altered == 0


def test_a_gateway_whose_ack_never_goes_down_loses(tmp_path, firmware):
    async def scenario(run):
        await run.hall.centre.kill()
        await press_until(run, 10)
        await run.until_acknowledged()
        await FAULTS["hall-destroyed"](run, None)

    verdict = run_with(
        tmp_path,
        firmware,
        scenario,
        gateway_program=WEAKENED / "gateway_never_lowers.py",
        patience_s=PATIENCE_S,
    )
    assert verdict.lost >= 10
    assert verdict.duplicate == verdict.altered == 0


def test_a_centre_that_does_not_dedupe_counts_twice(tmp_path, firmware):
    async def scenario(run):
        assert await storm(run, "centre-lost", 1, SEED) == 1

    verdict = run_with(
        tmp_path,
        firmware,
        scenario,
        centre_program=WEAKENED / "centre_does_not_dedupe.py",
        patience_s=PATIENCE_S,
    )
    assert verdict.duplicate > 0
    assert verdict.lost == verdict.altered == 0
