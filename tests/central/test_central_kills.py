"""`kill -9` of the centre while sixty halls send live ratings. FAULTS 4. BAT-3 RCT-1

A hall here forgets a batch that was answered, so what the centre acknowledged and lost is lost for
good, and the count shows it. (Real gateways keep it until the receipt.)
"""

import asyncio
import gzip
import random
import re
import sqlite3
from pathlib import Path

import pytest
from central_hall import SECRET, SigningDevice, document, item_of

from central.cli.opened import opened_url
from central.config import load_config
from central.keys import DeviceKeys
from central.people.tokens import Tokens
from hosting.clock import now_ms
from protocol.batch import encode_batch
from protocol.envelope import split
from protocol.record import parse
from quick import read_answer
from simulator.parts.part import Part, free_port

HALLS, DEVICES, EPOCH = 60, 2, 29333341
SEED = 20261129
WEAK_CENTRE = Path(__file__).with_name("answers_too_early.py")


class SendingHall:
    """Sends batches of one rating, the next one when the one before is answered, over one kept
    connection; the same one again as long as it is not.
    """

    def __init__(self, name: str, token: str, port: int):
        self.pens = [
            SigningDevice(f"{name}-{n}", EPOCH, DeviceKeys(SECRET).key(f"{name}-{n}", EPOCH))
            for n in range(DEVICES)
        ]
        self.made: list[str] = []
        self.answered: list[str] = []
        self.receipts: dict[str, int] = {}
        self._name, self._token, self._port = name, token, port
        self._writer = None

    async def send(self, is_over: asyncio.Event) -> None:
        """Until it is over, and the last one is answered."""
        while not is_over.is_set():
            pen = self.pens[len(self.made) % DEVICES]
            told = {"service": f"{pen.device}-{pen.seq + 1}", "ticket_no": "A1"}
            facts, name = document(hall=self._name, **told)
            envelope = pen.rating(**told, facts=name, at=now_ms())
            self.made.append(envelope)
            body = gzip.compress(encode_batch([facts, item_of(envelope)]))
            head = (
                f"POST /v1/batches HTTP/1.1\r\nHost: centre\r\nContent-Encoding: gzip\r\n"
                f"Authorization: Bearer {self._token}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            await self._until_answered(pen.device, head.encode() + body)
            self.answered.append(envelope)
        self._hang_up()

    async def _until_answered(self, device: str, request: bytes) -> None:
        while True:
            try:
                answer = read_answer(await self._ask(request))
            except (OSError, EOFError, asyncio.IncompleteReadError):
                self._hang_up()
                await asyncio.sleep(0.05)
                continue
            assert answer is not None
            assert {one.verdict for one in answer.verdicts} <= {"stored", "duplicate"}
            for text in answer.receipts:  # none above a hole
                self.receipts[device] = parse(split(text.encode())[0])["seq"]
            return

    def _hang_up(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _ask(self, request: bytes) -> bytes:
        if self._writer is None:
            opened = await asyncio.open_connection("127.0.0.1", self._port)
            self._reader, self._writer = opened
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length
        body = await self._reader.readexactly(int(length[1]))
        if status == 503:
            raise EOFError  # it is ending
        assert status == 200, body
        return body


def make_centre(folder: Path) -> tuple[Part, list[SendingHall]]:
    """A centre with sixty halls of two devices, not running, and what sends for each of them."""
    (folder / "master.secret").touch(0o600)
    (folder / "master.secret").write_bytes(SECRET)
    port = free_port()
    (folder / "central.toml").write_text(f"listen_port = {port}\n")
    names = [f"hall-{n}" for n in range(HALLS)]
    with opened_url(load_config(folder / "central.toml")) as database:
        with database.write() as connection:
            for name in names:
                connection.exec_driver_sql(
                    "insert into hall (hall, name, version, mqtt_host, mqtt_port, proven_ms)"
                    " values (?, 'd', 1, 'h', 1, 0)",
                    (name,),
                )
                connection.exec_driver_sql(
                    "insert into window (hall, window, name, is_closed) values (?, 'w1', 'w', 0)",
                    (name,),
                )
                for n in range(DEVICES):
                    connection.exec_driver_sql(
                        "insert into device (device, epoch, hall, window, password_hash,"
                        " enrolled_at_ms, proven_ms, approved_at_ms)"
                        " values (?, ?, ?, 'w1', '', 0, 0, 0)",
                        (f"{name}-{n}", EPOCH, name),
                    )
        tokens = Tokens(database, now_ms)
        for name in names:
            tokens.add(f"hall:{name}", folder / f"{name}.token")
    texts = [(folder / f"{name}.token").read_text().strip() for name in names]
    halls = [SendingHall(*one, port) for one in zip(names, texts, strict=True)]
    return Part("centre", folder, "central", "run", "--config", "central.toml"), halls


async def kill_often(centre: Part, halls: list[SendingHall], kills: int) -> None:
    chance, is_over = random.Random(SEED), asyncio.Event()
    await centre.start()
    sending = [asyncio.create_task(hall.send(is_over)) for hall in halls]
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.05, 0.5))
        await centre.kill()
        await centre.start()
    await asyncio.sleep(0.2)
    is_over.set()
    await asyncio.wait_for(asyncio.gather(*sending), 60)
    await centre.stop()


def held(folder: Path) -> tuple[list[str], list[tuple], int]:
    """Every envelope, (device, covered_seq, receipt_seq) of every chain, and how many records have
    a mark.
    """
    with sqlite3.connect(folder / "central.db") as connection:
        envelopes = connection.execute("select envelope from record").fetchall()
        chains = connection.execute("select device, covered_seq, receipt_seq from chain")
        marked = connection.execute("select count(*) from record where marks <> '[]'").fetchone()
        found = chains.fetchall()
    connection.close()
    return [row[0].decode() for row in envelopes], found, marked[0]


@pytest.mark.parametrize("kills", [3, pytest.param(200, marks=pytest.mark.long)])
def test_what_the_centre_acknowledged_is_there_once(tmp_path, kills):
    centre, halls = make_centre(tmp_path)
    asyncio.run(kill_often(centre, halls, kills))
    envelopes, chains, marked = held(tmp_path)
    assert marked == 0  # no broken chain, no conflict: the order of each device is kept
    assert sum(len(hall.answered) for hall in halls) > kills * HALLS / 4
    assert sorted(envelopes) == sorted(one for hall in halls for one in hall.answered)
    seqs = {pen.device: pen.seq for hall in halls for pen in hall.pens}
    told = {device: seq for hall in halls for device, seq in hall.receipts.items()}
    assert {device: (covered, receipt) for device, covered, receipt in chains} == {
        device: (seq, told[device]) for device, seq in seqs.items()
    }


def test_control_a_centre_that_answers_before_it_commits_loses(tmp_path):
    centre, halls = make_centre(tmp_path)
    centre.program = (str(WEAK_CENTRE),)
    asyncio.run(kill_often(centre, halls, 3))
    envelopes, *_ = held(tmp_path)
    assert {one for hall in halls for one in hall.answered} - set(envelopes)
