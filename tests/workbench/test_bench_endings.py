"""What a board was before: read out, proven to the centre, and only then wiped.

The bench's own commands, a real MicroPython with the real firmware on the cable, the real centre
behind a socket. The oracle is a list of the services that the board has thanked for.
"""

import json
import shutil
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import uvicorn
from bench_parts import workbench, write_bundle
from empty_file import central_in

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "central")]

from central_hall import Clock, Hall, document  # noqa: E402

from central.audit.verify import audit  # noqa: E402
from hosting.error import OperatorError  # noqa: E402
from simulator.devices.usb import UsbDevice  # noqa: E402
from workbench.board.repl import Board  # noqa: E402
from workbench.desk import former  # noqa: E402
from workbench.desk.centre import Centre  # noqa: E402
from workbench.desk.enrolment import Issuer, put_bundle  # noqa: E402

# A start of the device in which it rates services, by the firmware's own journal.
RATE = """
def rate(*services):
    from firmware import VERSION
    from firmware.boards import this_board
    from firmware.bundle import read_bundle
    from firmware.journal import Journal
    from protocol.answer import of_level
    from protocol.record import Rating
    board = this_board()
    identity, timing = read_bundle(board.read_bundle()).identity, board.timing
    sizes = timing.segment_records, timing.segments
    journal = Journal(board.files, identity, VERSION, "power", *sizes)
    for service in services:
        journal.append(Rating, board.ticks_ms(), None, of_level(1), service=service,
            ticket_no="A1", staff_no=None, facts="0" * 64, settings=0, took_ms=1, shown=1,
            input="key")
        print(service)
"""


class Desk:
    """A province's centre on a port, a technician's token, and a folder to work in."""

    def __init__(self, folder: Path):
        self.folder, self.clock = folder, Clock()
        self.database = central_in(folder)
        self.hall = Hall(folder, "demo", self.database, self.clock)
        self.hall.halls.add_window("demo", "w2", "2号窗口")
        self.token = folder / "technician.token"
        self.hall.tokens.add("enrol:demo", self.token, devices=500)
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(self.hall.client.app, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def close(self):
        self._server.should_exit = True
        self._thread.join(10)
        self.hall.intake.close()
        self.database.close()

    def types(self, command, usb, *arguments):
        """A command of the bench, with what it needs of the centre."""
        self.clock.ms += 60_000
        named = ("--port", usb.port, "--centre", self.url, "--token-file", self.token)
        return workbench(command, *named, *arguments)

    def centre(self):
        return Centre(self.url, "demo", self.token)

    def services(self) -> list[str]:
        """Of the ratings that the centre holds."""
        records = [json.loads(row["envelope"].split("\n")[0]) for row in self.hall.records()]
        return sorted(one["service"] for one in records if one["kind"] == "rating")

    def alarms(self) -> list[tuple[str, str]]:
        return [(one.mark, one.device) for one in self.hall.findings(None)]

    def endings(self, device) -> dict[int, bool]:
        """epoch -> whether it is closed, of those that ended and ever spoke."""
        rows = self.hall.endings.every(None, True) + self.hall.endings.every(None, False)
        return {row.epoch: row.closed_at_ms is not None for row in rows if row.device == device}

    def faults(self):
        with self.database.read() as connection:
            found = {one.name for one in audit(connection, self.hall.keys.key)}
        return found - {"facts_missing", "time_removed"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


@pytest.fixture
def plugged(desk, firmware, tmp_path, monkeypatch):
    """Makes boards with the firmware on them: plugged("name", enrolled="xj-0417")."""
    monkeypatch.chdir(tmp_path)
    made = []

    def make(name, enrolled=None):
        folder = tmp_path / "boards" / name
        shutil.copytree(firmware, folder / "flash")
        usb = UsbDevice(folder).__enter__()
        made.append(usb)
        if enrolled is not None:
            put(desk, usb, enrolled)
        return usb

    yield make
    for usb in made:
        usb.pull()


def put(desk, usb, device, may_overwrite=False, before=lambda board: None):
    """What `enrol` does beside writing the firmware and waiting for the device's life."""
    desk.clock.ms += 60_000
    with Board(usb.port) as board, desk.centre() as centre:
        board.require_usable()
        before(board)
        return put_bundle(board, Issuer(centre, device, "w1", Path()), may_overwrite)


def rates(usb, *services) -> list[str]:
    """The services that the board thanks for."""
    with Board(usb.port) as board:
        return rates_on(board, *services)


def rates_on(board, *services) -> list[str]:
    board.run(RATE)
    return board.run(f"rate({', '.join(map(repr, services))})").split()


def epoch_of(usb) -> int:
    return json.loads((Path(usb._options["folder"]) / "identity.json").read_text())["epoch"]


def enrol(desk, usb, firmware, device, *more):
    arguments = ("--hall", "demo", "--window", "w1", "--device", device, "--firmware", firmware)
    return desk.types("enrol", usb, *arguments, *more)


def test_a_device_that_is_enrolled_anew_closes_its_old_epoch_without_a_step_more(
    desk, plugged, firmware
):
    usb = plugged("anew", "anew-01")
    thanked = rates(usb, "N-1", "N-2")
    old = epoch_of(usb)
    result = enrol(desk, usb, firmware, "anew-01")
    assert result.exit_code == 0, result.output
    first, second = result.output.splitlines()
    assert "anew-01 lives: firmware" in first
    assert second.endswith(f": anew-01/{old} is closed: the centre has all its records")
    assert [one for one in desk.services() if one.startswith("N-")] == thanked
    assert desk.endings("anew-01") == {old: True}
    assert ("open_epoch", "anew-01") not in desk.alarms()
    assert epoch_of(usb) > old
    assert desk.faults() == set()


def test_a_board_that_was_never_switched_on_proves_that_it_holds_nothing(desk, plugged):
    usb = plugged("unused", "unused-01")
    old = epoch_of(usb)
    given = put(desk, usb, "unused-01")
    assert given.closed == f"unused-01/{old} is closed: the centre has all its records"
    assert desk.endings("unused-01") == {old: True}


def test_a_replaced_device_is_open_until_it_is_on_the_bench(desk, plugged, firmware):
    dead, heir = plugged("dead", "dead-01"), plugged("heir")
    thanked = rates(dead, "D-1", "D-2")
    desk.clock.ms += 1
    desk.hall.post(document(service="D-1", opened_at_ms=desk.clock())[0], sent_ms=desk.clock())
    named = ("--old", "dead-01", "--device", "heir-01", "--hall", "demo", "--firmware", firmware)
    result = desk.types("replace", heir, *named)
    assert result.exit_code == 0, result.output
    epoch = epoch_of(dead)
    assert f"dead-01/{epoch} stays open until: pingjia workbench rescue" in result.output
    assert ("open_epoch", "dead-01") in desk.alarms()
    for _ in range(2):
        result = desk.types("rescue", dead)
        assert result.exit_code == 0, result.output
        assert f"dead-01/{epoch} is closed" in result.output
        assert [one for one in desk.services() if one.startswith("D-")] == thanked
    assert ("open_epoch", "dead-01") not in desk.alarms()


def test_a_device_that_has_not_ended_is_only_read_out(desk, plugged):
    usb = plugged("alive", "alive-01")
    thanked = rates(usb, "L-1")
    result = desk.types("rescue", usb)
    assert "of alive-01 2 stored\n" in result.output
    assert "has not ended: nothing is to be closed" in result.output
    assert thanked == ["L-1"]
    assert "L-1" in desk.services()
    assert desk.endings("alive-01") == {}


def test_a_lost_journal_is_said_and_left_to_the_operator(desk, plugged, tmp_path):
    usb = plugged("lost", "lost-01")
    rates(usb, "X-1")
    epoch = epoch_of(usb)
    shutil.rmtree(tmp_path / "boards/lost/flash/journal")
    given = put(desk, usb, "lost-01")
    assert f"lost-01/{epoch} stays open: the board cannot read its journal" in given.closed
    assert f"pingjia central epoch close lost-01 {epoch}" in given.closed
    desk.hall.endings.close("lost-01", epoch, "Wang", "journal lost")
    assert desk.endings("lost-01") == {epoch: True}


def test_what_is_damaged_on_the_flash_is_named_and_kept_in_a_file(desk, plugged):
    """The board's own `boot` names it, so that the epoch closes all the same."""
    usb = plugged("torn", "torn-01")
    rates(usb, *[f"T-{number}" for number in range(4)])
    spoil(usb)
    epoch = epoch_of(usb)
    given = put(desk, usb, "torn-01")
    kept = f"torn-01-{epoch}.jsonl.gz"
    assert given.closed.endswith(f"its records; what the centre rejected is kept in {kept}")
    assert Path(kept).exists()
    assert [one for one in desk.services() if one.startswith("T-")] == ["T-0", "T-2", "T-3"]
    assert ("damage_named", "torn-01") in desk.alarms()


def test_a_board_of_another_centre_is_wiped_only_by_a_word(desk, plugged, firmware, tmp_path):
    usb = plugged("stranger")
    bundle = ("--bundles", write_bundle(tmp_path, "strange-01", epoch=29000000))
    assert workbench("flash", "--firmware", firmware, "--port", usb.port, *bundle).exit_code == 0
    rates(usb, "S-1")
    with pytest.raises(OperatorError, match=r"does not know this strange-01.*--overwrite"):
        put(desk, usb, "strange-01")
    assert epoch_of(usb) == 29000000
    assert "strange-01" not in {one["device"] for one in devices(desk)}
    given = put(desk, usb, "strange-01", may_overwrite=True)
    assert given.closed.startswith("strange-01/29000000 is not known to the centre")
    assert Path("strange-01-29000000.jsonl.gz").exists()


def spoil(usb):
    """One rating on the flash is another one now, and its signature does not hold."""
    journal = Path(usb._options["folder"]) / "flash/journal/00000000.seg"
    journal.write_bytes(journal.read_bytes().replace(b'"T-1"', b'"T-9"'))


def devices(desk):
    with desk.centre() as centre:
        return list(centre.devices().values())


def test_a_board_becomes_another_device_only_by_a_word_and_the_first_one_ends(desk, plugged):
    usb = plugged("other", "other-01")
    thanked = rates(usb, "O-1")
    epoch = epoch_of(usb)
    with pytest.raises(OperatorError, match=r"this board is other-01 already.*--overwrite"):
        put(desk, usb, "other-02")
    given = put(desk, usb, "other-02", may_overwrite=True)
    assert given.device == "other-02"
    assert given.closed == f"other-01/{epoch} is closed: the centre has all its records"
    assert set(thanked) <= set(desk.services())
    revoked = {one["device"]: one["revoked"] for one in devices(desk)}
    assert (revoked["other-01"], revoked["other-02"]) == (True, False)


class PulledError(Exception):
    """The cable, or the laptop's power, behind a step."""


CHANGES = ("begin(", "begin_start", "sign_head", "create_journal", "rename")


class Steps:
    """Counts what the bench changes on the board and at the centre, and breaks off behind one."""

    def __init__(self, monkeypatch):
        self.at, self.done = None, 0
        run, call = Board.run, Centre._call
        is_change = lambda _, code, *rest: code.startswith(CHANGES)  # noqa: E731
        monkeypatch.setattr(Board, "run", self._counted(run, is_change))
        is_sent = lambda _, method, *rest, **named: method != "GET"  # noqa: E731
        monkeypatch.setattr(Centre, "_call", self._counted(call, is_sent))

    def _counted(self, step, counts):
        def counted(*arguments, **named):
            found = step(*arguments, **named)
            self.done += counts(*arguments, **named)
            if self.at == self.done:
                raise PulledError
            return found

        return counted


def story(desk, plugged, steps, device, stride=1, most=99) -> tuple[list[str], list[str]]:
    """A board is enrolled anew again and again, each time broken off so many steps later, and
    rates whenever it starts and can; what it thanked for, and what was closed or wiped wrongly.
    """
    usb, thanked, wrong = plugged(device, device), [], []

    def rates_first(board):
        with suppress(OperatorError):  # it is out of service until its new journal is made
            thanked.extend(rates_on(board, f"{device}-{len(thanked)}"))
        steps.done = 0

    at, is_broken = 0, True
    while is_broken and at < most:
        was, at = epoch_of(usb), at + stride
        steps.at = at
        try:
            put(desk, usb, device, before=rates_first)
            is_broken = False
        except PulledError:
            pass
        steps.at = None
        if epoch_of(usb) != was and not desk.endings(device).get(was):
            wrong.append(f"wiped before it was closed: step {at}")
        put(desk, usb, device, before=rates_first)
        if not desk.endings(device).get(was) or ("open_epoch", device) in desk.alarms():
            wrong.append(f"open: step {at}")
    assert at >= min(most, 10), "the steps are counted"
    return thanked, wrong


@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.long)])
def test_an_enrolment_anew_that_breaks_off_anywhere_loses_nothing_and_closes_nothing_wrongly(
    desk, plugged, monkeypatch, stride
):
    device = f"broken-0{stride}"
    thanked, wrong = story(desk, plugged, Steps(monkeypatch), device, stride)
    assert [one for one in desk.services() if one.startswith(device)] == sorted(thanked)
    assert wrong == []
    assert desk.faults() == set()


def test_a_bench_that_reads_nothing_out_loses_ratings(desk, plugged, monkeypatch):
    """The control of the one above, as the bench was before."""
    nothing = former.ReadOut({}, 0, None)
    monkeypatch.setattr(former, "require_read_out", lambda *_: nothing)
    monkeypatch.setattr(former, "close", lambda *_, **__: "")
    thanked, wrong = story(desk, plugged, Steps(monkeypatch), "careless-01", most=2)
    assert len([one for one in desk.services() if one.startswith("careless-01")]) < len(thanked)
    assert wrong != []
