"""A hall as in production: all of it over TLS with a CA of its own, devices of both MicroPythons,
while certificates are renewed and once end. FAULTS 28.
"""

import asyncio
from datetime import timedelta

import pytest
from storms import DEVICE, GATEWAY, SEED, holds

from gateway.keep.certificates import Certificates, now_utc
from simulator.devices.unix import UnixPort
from simulator.parts.hall import Hall
from simulator.parts.part import pingjia
from simulator.parts.run import Run


def live(folder, firmware, scenario, windows, boards, broker):
    """The oracle's verdict of a secure hall, of whose devices the first `boards` are boards."""
    hall = Hall(folder, firmware, windows, GATEWAY, broker=broker, is_secure=True)
    said = []

    def hear(event):
        if event["event"] in ("restart", "log"):
            said.append((event["device"], event["event"], event.get("text", "")))

    async def all_of_it():
        with UnixPort() as unix:
            how = {"timing": DEVICE, "pace": 0.2, "patience_s": 3, "hear": hear}
            async with Run(hall, SEED, unix=(unix, boards), **how) as run:
                await scenario(run, said)
                assert await run.until_all_arrived(60)
                await run.end_devices()
                return await run.verdict()

    verdict = asyncio.run(all_of_it())
    assert [one for one in said if one[1] == "restart"] == []
    return verdict


def connected(said):
    return [device for device, _, text in said if "connected: demo" in text]


def test_a_hall_with_a_ca_of_its_own_loses_nothing(tmp_path, firmware):
    async def scenario(run, said):
        people = asyncio.create_task(run.crowd.run(None))
        await run.until(lambda: run.thanked() >= 12)
        await pingjia("gateway", "secure", "--config", "gateway.toml", folder=run.hall.folder)
        await run.hall.kill_broker()
        await run.hall.start_broker()
        before = len(connected(said))
        await run.until(lambda: set(connected(said)[before:]) == set(run.hall.folders))
        pressed = run.thanked()
        await run.until(lambda: run.thanked() >= pressed + 6)
        run.crowd.stop()
        await people

    holds(live(tmp_path, firmware, scenario, 3, 1, "embedded"))


@pytest.mark.long
@pytest.mark.needs("mosquitto")
def test_unix_boards_and_virtual_devices_over_a_renewal_and_an_end(tmp_path, firmware):
    """Three and five; the CA's key is away for a while, so that a certificate can end at all."""
    folder = tmp_path / "secure"
    key, away = folder / "ca.key", folder / "away.key"
    # A CA older than the certificate that is to end.
    Certificates(folder).make("demo", ["127.0.0.1"], now_utc() - timedelta(days=500))

    async def scenario(run, said):
        people = asyncio.create_task(run.crowd.run(None))
        await run.until(lambda: run.thanked() >= 40)
        await pingjia("gateway", "secure", "--config", "gateway.toml", folder=tmp_path)
        await asyncio.sleep(25)  # the gateway looks every 20 s, and tells mosquitto
        await run.hall.kill_broker()
        await run.hall.start_broker()
        await run.until(lambda: run.thanked() >= 80)
        Certificates(folder).make("demo", ["127.0.0.1"], now_utc() - timedelta(days=400))
        key.rename(away)
        await run.hall.kill_broker()
        await run.hall.start_broker()
        before, pressed = len(connected(said)), run.thanked()
        await asyncio.sleep(15)
        assert connected(said)[before:] == []  # those who were told the time believe it no more
        assert "problem: tls_expired" in {text for _, _, text in said}
        away.rename(key)
        await run.until(lambda: len(set(connected(said)[before:])) == 8)
        await run.until(lambda: run.thanked() >= pressed + 40)
        run.crowd.stop()
        await people

    holds(live(tmp_path, firmware, scenario, 8, 3, "mosquitto"))
