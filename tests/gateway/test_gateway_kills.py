"""`kill -9` of the gateway at random instants under load. FAULTS 4. ACK-1 ENV-1

The devices here forget what `hall` has reached, so a rating that the gateway acknowledged and
lost is lost for good, and the count shows it. (Real devices keep it until the centre's receipt.)
"""

import random
import sqlite3
import threading
import time

import pytest
from gateway_hall import EPOCH, Client, Pen, broker_files_in, key_of, receipt_of, until
from killed_gateway import KilledGateway

from protocol.envelope import is_signed

SEED = 20261121
DEVICES = ("dev-1", "dev-2", "dev-3")
TOGETHER = 3  # ratings in a burst: some are always on their way

pytestmark = pytest.mark.needs("mosquitto")


class ForgetfulDevice:
    """Rates without pause; offers what `hall` has not reached again and again, nothing else."""

    def __init__(self, port: int, device: str):
        self.pen = Pen(device)
        self.made: dict[int, bytes] = {}
        self._kept: dict[int, bytes] = {}
        self.hall = 0
        self._is_over = threading.Event()
        self._client = Client(port, device).enter("ack")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop_rating(self) -> None:
        self._is_over.set()

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._client.leave()

    def _run(self) -> None:
        self._client.tell(self.pen.state())
        last_s = 0.0
        while not self._is_over.is_set() or self._kept:
            if not self._is_over.is_set():
                for _ in range(TOGETHER):
                    envelope = self.pen.rating(at=time.time_ns() // 1_000_000)
                    self.made[self.pen.seq] = self._kept[self.pen.seq] = envelope
                    self._client.send(envelope)
            if time.monotonic() - last_s > 0.3:
                self._client.tell(self.pen.state())
                for envelope in list(self._kept.values())[:100]:
                    self._client.send(envelope)
                last_s = time.monotonic()
            self._listen(0.05)

    def _listen(self, seconds: float) -> None:
        try:
            self.hall = self._client.hear("ack", timeout_s=seconds)["hall"]
        except AssertionError:
            return
        for seq in [seq for seq in self._kept if seq <= self.hall]:
            del self._kept[seq]


def kills(tmp_path, centre, mosquitto, times: int, is_hasty: bool, patience_s: float):
    """(lost, doubled, altered, made) after so many kills."""
    chance = random.Random(SEED)
    # This centre takes long to say how far it holds everything, so it says it never.
    centre.receipts = {device: receipt_of(device, 1) for device in DEVICES}
    settings = broker_files_in(tmp_path, centre.url, reoffer_first_s=3600, reoffer_longest_s=3600)
    gateway = KilledGateway(settings, is_hasty)
    with mosquitto(settings.broker_files):
        gateway.start()
        until(lambda: centre.hall_requests, "the gateway", 60)
        devices = [ForgetfulDevice(settings.mqtt_port, device) for device in DEVICES]
        try:
            until(lambda: all(device.hall for device in devices), "the first acknowledgements", 60)
            for _ in range(times):
                heard = [device.hall for device in devices]
                time.sleep(chance.uniform(0, 0.3))
                gateway.kill()
                gateway.start()
                if chance.random() < 0.8:  # else again before it has done anything
                    until(
                        lambda heard=heard: any(
                            device.hall > before
                            for device, before in zip(devices, heard, strict=True)
                        ),
                        "acknowledgements after a kill",
                        60,
                    )
            for device in devices:
                device.stop_rating()
            end_s = time.monotonic() + patience_s
            while time.monotonic() < end_s and _lost(centre, devices):
                time.sleep(0.05)
        finally:
            for device in devices:
                device._kept.clear()
                device.end()
            gateway.kill()
        made = sum(len(device.made) for device in devices)
        altered = sum(
            not is_signed(key_of(device), envelope)
            for (device, _), held in centre.held.items()
            for envelope in held.values()
        )
        return len(_lost(centre, devices)), _doubled(settings), altered, made


def _lost(centre, devices) -> list[bytes]:
    with centre.lock:
        return [
            envelope
            for device in devices
            for seq, envelope in list(device.made.items())
            if centre.held.get((device.pen.device, EPOCH), {}).get(seq) != envelope
        ]


def _doubled(settings) -> int:
    with sqlite3.connect(settings.data_dir / "gateway.sqlite") as database:
        query = "SELECT count(*) - count(DISTINCT envelope) FROM envelope"
        count = database.execute(query).fetchone()[0]
    database.close()
    return count


@pytest.mark.parametrize("times", [25, pytest.param(1000, marks=pytest.mark.long)])
def test_killed_at_random_instants_it_loses_doubles_and_alters_nothing(
    tmp_path, centre, mosquitto, times
):
    *found, made = kills(tmp_path, centre, mosquitto, times, False, 60)
    assert found == [0, 0, 0], f"lost, doubled, altered of {made}, seed {SEED}"
    assert made > 5 * times


def test_a_gateway_that_acknowledges_before_it_commits_is_found_out(tmp_path, centre, mosquitto):
    """The control."""
    lost, doubled, altered, made = kills(tmp_path, centre, mosquitto, 8, True, 3)
    assert lost > 0, f"of {made}"
    assert (doubled, altered) == (0, 0)
