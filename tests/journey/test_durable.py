"""System calls of the gateway: each record is on the disk before it is acknowledged. ACK-1"""

import asyncio
import json
import queue
import time
from pathlib import Path

import pytest
from broker_login import login
from storms import made_hall

from protocol.message import encode_message
from protocol.topic import ACK, RECORD, STATE, topic
from simulator.parts.hall import HALL
from simulator.pen import Pen

WEAKENED = Path(__file__).parent / "weakened"
RECORDS = 100
CALLS = "recvfrom,recvmsg,read,sendto,sendmsg,write,fdatasync,fsync"

pytestmark = [pytest.mark.needs("mosquitto"), pytest.mark.needs("strace")]


def observe(tmp_path, firmware, program=None) -> list[str]:
    """The gateway's system calls while a device sends records one by one, each acknowledged."""
    trace = tmp_path / "trace"
    hall = made_hall(firmware, "mosquitto").copy(tmp_path / "hall", 1)
    hall.gateway.observer = ("strace", "-f", "-o", str(trace), "-s", "2000", "-e", CALLS)
    if program is not None:
        hall.gateway.program = (str(program),)

    async def all_of_it():
        await hall.start()
        try:
            (folder,) = hall.folders.values()
            await asyncio.to_thread(send_and_wait, Pen.of_bundle(folder / "identity.json"))
        finally:
            await hall.stop()

    asyncio.run(all_of_it())
    return trace.read_text(errors="replace").splitlines()


def send_and_wait(pen):
    """Sends the records; after each it waits for the `ack` that covers it."""
    client, answers = login(pen.mqtt)
    end = time.monotonic() + 60
    while "Success" not in map(str, answers):  # the broker may not know the device yet
        assert time.monotonic() < end, answers
        time.sleep(0.05)
    acks = queue.Queue()
    client.on_message = lambda _c, _u, message: acks.put(json.loads(message.payload)["hall"])
    client.subscribe(topic(HALL, pen.device, ACK), 1)
    client.publish(topic(HALL, pen.device, STATE), encode_message(pen.state()), 1, True)
    while acks.get(timeout=30) != 0:
        pass
    for seq in range(1, RECORDS + 1):
        envelope = pen.boot() if seq == 1 else pen.rating()
        client.publish(topic(HALL, pen.device, RECORD), envelope, 1)
        while acks.get(timeout=30) != seq:
            pass
    client.disconnect()


def durable_records(trace: list[str]) -> int:
    """For how many records an fdatasync lies between the read from the socket and the ack."""
    durable, read, synced, seq = 0, False, False, 1
    for line in trace:
        if "recv" in line and f'\\"seq\\":{seq},\\"prev\\"' in line:
            read = True
        elif read and "fdatasync(" in line:
            synced = True
        elif "send" in line and f'\\"hall\\":{seq},' in line:
            durable += read and synced
            read, synced, seq = False, False, seq + 1
    assert seq == RECORDS + 1, "not every acknowledgement was seen in the trace"
    return durable


def test_every_record_is_on_the_disk_before_it_is_acknowledged(tmp_path, firmware):
    assert durable_records(observe(tmp_path, firmware)) == RECORDS


def test_without_full_synchronisation_the_check_fails(tmp_path, firmware):
    trace = observe(tmp_path, firmware, WEAKENED / "gateway_syncs_normally.py")
    assert durable_records(trace) < RECORDS / 2
