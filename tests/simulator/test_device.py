"""The real firmware on the real MicroPython, against a broker that does what a test says."""

import asyncio
import hashlib
import json
import shutil

import pytest
from scripted_broker import CONNECT, PINGREQ, SUBSCRIBE, ScriptedBroker

from firmware.settings import built_in
from firmware.timing import Timing
from protocol.envelope import is_signed
from protocol.message import Ack, Find, State, Ticket, Will, decode_message, encode_message
from protocol.opened import level_in, open_answer
from protocol.settings import Address, seal_settings
from simulator.check.oracle import read_log
from simulator.devices.fleet import Fleet
from simulator.devices.folder import flash

DEVICE, EPOCH, KEY = "xj-0417", 29333341, bytes(range(32))
BUNDLE = {
    "device": DEVICE,
    "epoch": EPOCH,
    "key": KEY.hex(),
    "hall": "demo",
    "mqtt": {"host": "127.0.0.1", "username": DEVICE, "password": "secret", "ca": None},
}
SERVERS = {"access.mpy", "batch.mpy", "hall.mpy", "opened.mpy", "sentences.mpy"}
QUICK = {"retry_ms": 50, "retry_max_ms": 100, "answer_ms": 200, "thanks_ms": 300, "why_ms": 300}


def ticket(service="s1", phase="inviting", ticket_no="A017"):
    return encode_message(Ticket(service, "0" * 64, ticket_no, phase, None, None, 20000, 1))


def kinds(payloads):
    return [json.loads(payload.split(b"\n")[0])["kind"] for payload in payloads]


class Bench:
    """One device on a bench, with a scripted broker."""

    def __init__(self, tmp_path, firmware, broker):
        self.broker = broker
        self.folder = tmp_path / "device"
        self.oracle = tmp_path / "oracle.jsonl"
        self.events = []
        bundle = tmp_path / "bundle.json"
        bundle.write_text(json.dumps(BUNDLE | {"mqtt": BUNDLE["mqtt"] | {"port": broker.port}}))
        flash(self.folder, firmware, bundle)

    async def start(self, fleet, enrol=True, **timing):
        await fleet.start(DEVICE, self.folder, QUICK | timing, enrol=enrol)

    def invite(self, **changes):
        self.broker.publish(f"pj/1/demo/{DEVICE}/ticket", ticket(**changes))

    def faces(self):
        return [event["face"] for event in self.events if event["event"] == "face"]


@pytest.fixture
def bench(tmp_path, firmware):
    """Runs `scenario(bench, fleet)` on a device with a broker of the given manners."""

    def run(scenario, **manners):
        async def all_of_it():
            async with ScriptedBroker(**manners) as broker:
                it = Bench(tmp_path, firmware, broker)
                async with Fleet(it.oracle, it.events.append) as fleet:
                    await scenario(it, fleet)
            return it

        return asyncio.run(all_of_it())

    return run


async def is_face(bench, fleet, face):
    if bench.faces()[-1:] != [face]:
        await fleet.event(lambda event: event.get("face") == face)


def test_a_device_logs_in_with_its_own_name_and_leaves_a_will(bench):
    """STA-2"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))

    packets = bench(scenario).broker.connections[0]
    assert packets[0].kind == CONNECT
    assert packets[0].body[:8] == b"\x00\x04MQTT\x04\xee"
    client_id, will_topic, will, username, password = packets[0].strings(10)
    assert (client_id, username, password) == (DEVICE.encode(), DEVICE.encode(), b"secret")
    assert will_topic == f"pj/1/demo/{DEVICE}/state".encode()
    state = decode_message(State, packets[2].payload)
    assert decode_message(Will, will) == Will(False, state.session)


def test_state_is_the_first_message_of_every_connection(bench):
    """STA-1"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/record"))
        it.broker.drop()
        await it.broker.until(lambda: len(it.broker.connections) == 2)
        await it.broker.until(lambda: it.broker.published("/record"))

    sessions = set()
    for packets in bench(scenario).broker.connections:
        assert [packet.kind for packet in packets[:2]] == [CONNECT, SUBSCRIBE]
        state = decode_message(State, packets[2].payload)
        assert packets[2].flags == 0b0011  # QoS 1, retained
        assert is_signed(KEY, state.head.encode())
        sessions.add(state.session)
    assert len(sessions) == 2


def test_state_is_sent_every_so_often(bench):
    """STA-1"""

    async def scenario(it, fleet):
        await it.start(fleet, state_ms=200)
        await it.broker.until(lambda: len(it.broker.published("/state")) >= 4)

    states = [decode_message(State, one) for one in bench(scenario).broker.published("/state")]
    same = {state._replace(head=None, memory=None) for state in states[-3:]}
    assert len(same) == 1  # nothing had changed
    assert Timing().state_ms == 60_000


def test_state_is_sent_on_change(bench):
    """STA-1"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        it.invite()
        await it.broker.until(lambda: any(map(is_inviting, it.broker.published("/state"))))

    bench(scenario)


def is_inviting(state):
    return decode_message(State, state).face == "inviting"


def test_a_rating_is_thanked_and_leaves_at_once(bench):
    """SND-1"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        it.invite()
        await is_face(it, fleet, "inviting")
        thanked = fleet.event(lambda event: event["event"] == "thanked")
        fleet.press(DEVICE, 2, "A017")
        await thanked
        await it.broker.until(lambda: "rating" in kinds(it.broker.published("/record")))

    it = bench(scenario)
    envelopes = it.broker.published("/record")
    rating = next(e for e in envelopes if b'"rating"' in e)
    assert is_signed(KEY, rating)
    record = rating.split(b"\n")[0]
    assert level_in(open_answer(KEY, record, json.loads(record)["answer"])) == 2
    (press,) = read_log(it.oracle)
    assert (press.level, press.ticket_no) == (2, "A017")
    assert press.thanked_at_ms >= press.pressed_at_ms


def test_a_rating_made_without_a_hall_is_thanked_and_sent_when_there_is_one(bench):
    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        it.invite()
        await is_face(it, fleet, "inviting")
        it.broker.connack = None
        it.broker.drop()
        thanked = fleet.event(lambda event: event["event"] == "thanked")
        fleet.press(DEVICE, 5, "A017")
        await thanked
        it.broker.connack = 0
        it.broker.drop()
        await it.broker.until(lambda: "rating" in kinds(it.broker.published("/record")))

    bench(scenario)


def test_records_that_no_puback_answers_do_not_hold_up_the_next(bench):
    """SND-1"""

    async def scenario(it, fleet):
        await it.start(fleet, puback_ms=300, in_flight=2, thanks_ms=200)
        for number in range(5):
            await it.broker.until(lambda: it.broker.published("/state"))
            it.invite(service=f"s{number}", ticket_no=f"A{number}")
            await is_face(it, fleet, "inviting")
            thanked = fleet.event(lambda event: event["event"] == "thanked")
            fleet.press(DEVICE, 3, f"A{number}", hold_ms=40)
            await thanked
        await it.broker.until(lambda: len(set(it.broker.published("/record"))) == 6, timeout_s=20)

    bench(scenario, puback=False)


def test_a_silent_broker_is_left(bench):
    async def scenario(it, fleet):
        await it.start(fleet, keep_alive_s=1)
        await it.broker.until(lambda: len(it.broker.connections) == 2)

    packets = bench(scenario, pong=False).broker.connections[0]
    assert packets[-1].kind == PINGREQ


def test_a_broker_that_refuses_is_asked_again(bench):
    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: len(it.broker.connections) == 3)
        it.broker.connack = 0
        await it.broker.until(lambda: it.broker.published("/state"))

    it = bench(scenario, connack=5)
    assert any("does not know this device" in event.get("text", "") for event in it.events)


def test_a_broker_that_moved_is_found_at_its_further_address_after_a_start_too(bench):
    """BRK-1: acknowledged by version, kept with the settings, and no rating is lost on the way."""

    async def scenario(it, fleet):
        async with ScriptedBroker() as moved:
            await it.start(fleet, connect_ms=300)
            await it.broker.until(lambda: it.broker.published("/state"))
            it.broker.publish(f"pj/1/demo/{DEVICE}/settings", further(moved.port))
            await it.broker.until(lambda: any(map(uses_it, it.broker.published("/state"))))
            it.invite()
            await is_face(it, fleet, "inviting")
            it.broker.connack = None  # it is there, and answers nobody
            it.broker.drop()
            thanked = fleet.event(lambda event: event["event"] == "thanked")
            fleet.press(DEVICE, 5, "A017")
            await thanked
            await moved.until(lambda: "rating" in kinds(moved.published("/record")))
            assert uses_it(moved.published("/state")[-1])
            before = len(moved.connections)
            moved.drop()  # it stood there, so there it is tried again
            await moved.until(lambda: len(moved.connections) == before + 1)

            await fleet.kill(DEVICE)
            await it.start(fleet, enrol=False, connect_ms=300)
            await moved.until(lambda: len(moved.connections) == before + 2)
            await moved.until(lambda: any(map(uses_it, moved.published("/state"))))

    it = bench(scenario)
    assert not [event for event in it.events if event["event"] == "restart"]


def further(port):
    usual = built_in(500, 0)
    whose = {"device": DEVICE, "epoch": EPOCH, "version": 7}
    return seal_settings(KEY, usual._replace(**whose, broker=Address("127.0.0.1", port, None)))


def uses_it(state):
    return decode_message(State, state).settings == 7


@pytest.mark.parametrize(
    "packet",
    [b"\x30\xff\xff\xff\x7f", b"\x30\x01\x00", b"\x00" * 50, b"\x30\x05\x00\x03\xff\xfe\xfd"],
    ids=["256 MB", "no topic", "zeros", "topic not UTF-8"],
)
def test_a_broker_that_talks_nonsense_is_left_or_ignored_and_the_device_goes_on(bench, packet):
    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        it.broker.send(packet)
        await asyncio.sleep(0.2)
        it.broker.drop()
        await it.broker.until(lambda: len(it.broker.connections) >= 2)
        await it.broker.until(lambda: it.broker.published("/state"))

    it = bench(scenario)
    assert not [event for event in it.events if event["event"] == "restart"]


def test_a_power_cut_keeps_the_rating_and_the_ticket_does_not_invite_twice(bench):
    """JRN-1 TKT-1"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        it.invite()
        await is_face(it, fleet, "inviting")
        thanked = fleet.event(lambda event: event["event"] == "thanked")
        fleet.press(DEVICE, 1, "A017")
        await thanked
        await fleet.kill(DEVICE)
        it.events.clear()
        await it.start(fleet, enrol=False)
        await it.broker.until(lambda: len(it.broker.connections) == 2)
        await it.broker.until(lambda: it.broker.published("/state"))
        it.invite()
        await it.broker.until(
            lambda: kinds(it.broker.published("/record"))[:3] == ["boot", "rating", "boot"]
        )
        fleet.press(DEVICE, 5, "A017")
        await asyncio.sleep(0.5)

    it = bench(scenario)
    assert "inviting" not in it.faces()
    assert [press.thanked_at_ms is not None for press in read_log(it.oracle)] == [True, False]


def test_chords_and_keys_that_were_down_before_are_no_presses(bench):
    """TKT-2"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        fleet.press(DEVICE, 1, "A017", hold_ms=600)
        await asyncio.sleep(0.2)
        it.invite()
        await is_face(it, fleet, "inviting")
        await asyncio.sleep(0.7)
        fleet.press(DEVICE, 2, "A017")
        fleet.press(DEVICE, 3, "A017")
        await asyncio.sleep(0.3)
        assert it.faces()[-1] == "inviting"
        thanked = fleet.event(lambda event: event["event"] == "thanked")
        fleet.press(DEVICE, 4, "A017")
        await thanked

    presses = read_log(bench(scenario).oracle)
    assert {p.level: p.thanked_at_ms is not None for p in presses} == {
        1: False,
        2: False,
        3: False,
        4: True,
    }


def test_two_fingers_on_a_key_do_not_shorten_the_presses_that_follow(bench):
    """A second finger before the first has left: the key opens when the last one does."""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        closed, again = is_closed(fleet, 0b10000), is_closed(fleet, 0)
        fleet.press(DEVICE, 5, "", hold_ms=90)
        await closed
        await asyncio.sleep(0.06)
        fleet.press(DEVICE, 5, "", hold_ms=90)
        await again
        it.invite()
        await is_face(it, fleet, "inviting")
        await asyncio.sleep(0.2)  # the key has settled
        thanked = fleet.event(lambda event: event["event"] == "thanked", timeout_s=5)
        fleet.press(DEVICE, 5, "A017", hold_ms=90)
        await thanked

    bench(scenario)


def is_closed(fleet, keys):
    return fleet.event(lambda event: event["event"] == "seen" and event["closed"] == keys)


def test_an_ack_ends_the_rounds(bench):
    async def scenario(it, fleet):
        await it.start(fleet, round_ms=100, round_max_ms=100)
        await it.broker.until(lambda: len(it.broker.published("/record")) >= 3)
        ack = encode_message(Ack(EPOCH, 1, None))
        it.broker.publish(f"pj/1/demo/{DEVICE}/ack", ack)
        await asyncio.sleep(0.3)
        count = len(it.broker.published("/record"))
        await asyncio.sleep(0.5)
        assert len(it.broker.published("/record")) == count

    bench(scenario)


def test_the_interpreter_runs_the_files_of_the_manifest(bench, firmware):
    hashes = {}

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        hashes.update(await fleet.hashes(DEVICE))

    bench(scenario)
    manifest = json.loads((firmware / "manifest.json").read_text())["files"]
    assert len(hashes) > 20
    assert {"main.py", "lib/firmware/journal.mpy", "lib/protocol/envelope.mpy"} <= hashes.keys()
    assert hashes == {path: manifest[path]["sha256"] for path in hashes}
    # Nothing of the manifest went unused but other boards, what enrols, and what servers import.
    unused = [path for path in manifest.keys() - hashes.keys() if "/boards/" not in path]
    assert {path.split("/")[-1] for path in unused} <= SERVERS | {"files.mpy", "enrolment.mpy"}


def test_one_changed_byte_on_the_flash_is_found(bench, firmware):
    hashes = {}

    async def scenario(it, fleet):
        path = it.folder / "flash/lib/firmware/dialler.mpy"
        data = path.read_bytes()
        assert b"no hall" in data
        path.write_bytes(data.replace(b"no hall", b"no hal1", 1))
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        hashes.update(await fleet.hashes(DEVICE))

    bench(scenario)
    manifest = json.loads((firmware / "manifest.json").read_text())["files"]
    differ = [path for path in hashes if hashes[path] != manifest[path]["sha256"]]
    assert differ == ["lib/firmware/dialler.mpy"]


def test_the_manifest_is_true(firmware):
    manifest = json.loads((firmware / "manifest.json").read_text())["files"]
    files = {p.relative_to(firmware).as_posix(): p for p in firmware.rglob("*") if p.is_file()}
    del files["manifest.json"]
    assert files.keys() == manifest.keys()
    for name, path in files.items():
        data = path.read_bytes()
        assert manifest[name] == {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def test_a_lost_journal_is_out_of_service_and_says_what_to_do(bench):
    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/record"))
        await fleet.kill(DEVICE)
        shutil.rmtree(it.folder / "flash/journal")
        out = fleet.event(lambda event: event.get("face") == "out_of_service")
        await it.start(fleet, enrol=False)
        await out

    it = bench(scenario)
    assert any("journal_lost: firmware" in event.get("text", "") for event in it.events)


@pytest.mark.parametrize(
    ("identity", "words", "line"),
    [
        (None, "尚未登记 Not enrolled", "not_enrolled: firmware"),
        ('{"device": "xj-0', "登记信息损坏", "identity_torn: firmware"),
    ],
)
def test_without_a_whole_identity_it_says_which_in_silence_and_stays_alive(
    bench, identity, words, line
):
    async def scenario(it, fleet):
        path = it.folder / "identity.json"
        path.unlink() if identity is None else path.write_text(identity)
        out = fleet.event(lambda event: event.get("face") == "out_of_service")
        await it.start(fleet, enrol=False)
        assert words in (await out)["text"]
        await fleet.memory(DEVICE)

    events = bench(scenario).events
    assert any(line in event.get("text", "") for event in events)
    assert [event["volume"] for event in events if event["event"] == "volume"] == [0]
    assert not [event for event in events if event["event"] in ("restart", "stopped")][:-1]


def test_a_flash_that_keeps_refusing_ends_out_of_service_and_connected(bench):
    """JRN-8"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/record"))
        await fleet.kill(DEVICE)
        for slot in ("slot0", "slot1"):  # in the way of the file that is renamed over the slot
            (it.folder / f"flash/journal/{slot}.new").mkdir()
        it.broker.connections.clear()
        out = fleet.event(lambda event: event.get("face") == "out_of_service")
        await it.start(fleet, enrol=False)
        await out
        await it.broker.until(lambda: it.broker.published("/record"))

    it = bench(scenario)
    assert sum(event["event"] == "restart" for event in it.events) == 3
    state = decode_message(State, it.broker.published("/state")[-1])
    assert (state.face, state.problems) == ("out_of_service", ("flash_refuses",))


def test_a_restart_of_its_own_is_told_from_a_power_on(bench):
    """REC-8 JRN-3"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/record"))
        segment = it.folder / "flash/journal/00000000.seg"
        segment.write_bytes(segment.read_bytes().replace(b"power", b"pOwer"))
        it.broker.drop()  # the next connection reads it back
        again = fleet.event(lambda event: event["event"] == "restart")
        await again
        await it.broker.until(lambda: b'"flash"' in b"".join(it.broker.published("/record")))

    bench(scenario)


def test_a_refused_subscription_is_said_and_tried_again_without_a_restart(bench):
    """TOP-4"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: len(it.broker.connections) == 3)
        await it.broker.until(lambda: it.broker.published("/state"))
        state = decode_message(State, it.broker.published("/state")[-1])
        assert state.problems == ("subscribe_refused",)
        it.broker.suback = 1
        await it.broker.until(lambda: b'"problems":[]' in b"".join(it.broker.published("/state")))

    it = bench(scenario, suback=128)
    assert not [event for event in it.events if event["event"] == "restart"]


def test_a_device_that_is_looked_for_blinks(bench):
    """FND-1"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        found = fleet.event(lambda event: event["event"] == "find")
        it.broker.publish(f"pj/1/demo/{DEVICE}/find", encode_message(Find(30)))
        assert (await found)["seconds"] == 30
        assert fleet.blinks(DEVICE)
        it.invite()
        await is_face(it, fleet, "inviting")
        assert not fleet.blinks(DEVICE)

    bench(scenario)


def test_the_clock_is_told_in_state_as_soon_as_it_is_set(bench):
    """STA-1"""

    async def scenario(it, fleet):
        await it.start(fleet)
        await it.broker.until(lambda: it.broker.published("/state"))
        it.broker.publish(f"pj/1/demo/{DEVICE}/clock", b'{"now_ms":1760000000000}')
        await it.broker.until(lambda: b'"clock":"good"' in b"".join(it.broker.published("/state")))

    states = bench(scenario).broker.published("/state")
    assert (decode_message(State, states[-1]).memory or 0) > 0
