"""An invitation that is over never comes back, and a service that is rated is not invited for.
FAULTS 21
"""

import json
import os
import shutil
import signal

import pytest
from gateway_hall import (
    HALL,
    Pen,
    ScriptedCentre,
    settings_in,
    start_gateway,
    until,
)
from hand_fed_hall import DEVICES, HandFedHall

from gateway.desk.services import ConflictError, DoubtError, Opening
from gateway.store import services
from protocol.envelope import mac16
from protocol.hall import Window
from protocol.message import Ticket, decode_message
from protocol.topic import TICKET, topic

NOON_MS = 1_760_068_800_000


def open_at(gateway, window: str = "w1", ticket_no: str = "A001") -> str:
    return gateway.desk.open(Opening(window, ticket_no, "single", (), None, "t", None))[0]


def tickets_until_answered(device) -> list[dict]:
    """What tickets a device hears from its subscription to the answer to its state, one at least,
    which may come after that; none of them may invite.
    """
    heard = []
    while not {"ack", "ticket"} <= {name for name, _ in heard}:
        heard.append(device.heard.get(timeout=10)[:2])
    tickets = [json.loads(payload) for name, payload in heard if name == "ticket"]
    assert "inviting" not in [ticket["phase"] for ticket in tickets]
    return tickets


def newest_ticket(gateway, connect) -> dict:
    """The newest ticket of a device that has lost its power and starts now."""
    device = connect(gateway, "dev-1").enter()
    device.tell(Pen("dev-1").state())
    tickets = tickets_until_answered(device)
    device.leave()
    return tickets[-1]


def test_an_invitation_that_is_over_never_comes_back(tmp_path, centre, connect):
    """TKT-5: broker killed, gateway restarted, device power-cycled, another window added; only a
    clerk's new call, the control, invites again.
    """
    settings = settings_in(tmp_path, centre.url, invite_ms=1000)
    gateway = start_gateway(settings)
    try:
        device = connect(gateway, "dev-1").enter()
        device.tell(Pen("dev-1").state())
        service = open_at(gateway)
        gateway.desk.invite(service)
        device.hear("ticket", lambda said: said and said["phase"] == "inviting")
        over = device.hear("ticket", lambda said: said and said["phase"] == "serving")
        device.leave()
        assert newest_ticket(gateway, connect) == over, "power-cycled"

        windows = (*centre.hall.windows, Window("w9", "9号窗口"))
        centre.change_hall(windows=windows)
        until(lambda: gateway.book.has_window("w9"), "the new window")
        assert newest_ticket(gateway, connect) == over, "another window"

        os.kill(gateway.broker.pid, signal.SIGKILL)
        until(lambda: not gateway.link.is_up(), "the broker's end")
        until(gateway.link.is_up, "the broker again")
        assert newest_ticket(gateway, connect) == over, "the broker killed"

        gateway.stop()
        gateway = start_gateway(settings)
        assert newest_ticket(gateway, connect) == over, "the gateway restarted"

        device = connect(gateway, "dev-1").enter()
        gateway.desk.invite(service)
        again = device.hear("ticket", lambda said: said and said["phase"] == "inviting")
        assert again["service"] == service
    finally:
        gateway.stop()


def test_an_old_copy_of_the_database_invites_for_nothing_that_it_cannot_know(
    tmp_path, centre, connect
):
    """TKT-6: the device shows that it wrote what is not here: its service may be rated already."""
    settings = settings_in(tmp_path, centre.url)
    gateway = start_gateway(settings)
    service, other = open_at(gateway), open_at(gateway, "w2", "B001")
    gateway.stop()
    copy = tmp_path / "copy"
    shutil.copytree(settings.data_dir, copy)
    gateway = start_gateway(settings)
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    rating = pen.rating(service)
    device.send(rating)
    ack = device.hear("ack", lambda ack: ack["receipt"] is not None)
    device.leave()
    gateway.stop()
    shutil.rmtree(settings.data_dir)
    copy.rename(settings.data_dir)

    gateway = start_gateway(settings)
    try:
        gateway.desk.invite(service)  # nobody knows yet; it waits until the device has spoken
        device = connect(gateway, "dev-1").enter()
        device.tell(pen.state(receipt=ack["receipt"], first=2))
        assert tickets_until_answered(device)
        with pytest.raises(DoubtError):
            gateway.desk.invite(service)
        # The control: a device all of whose records are here.
        unrated = connect(gateway, "dev-2").enter()
        unrated.tell(Pen("dev-2").state())
        gateway.desk.invite(other)
        assert unrated.hear("ticket", lambda said: said and said["phase"] == "inviting")
        new = open_at(gateway, ticket_no="A002")
        gateway.desk.invite(new)
        ticket = device.hear("ticket", lambda said: said and said["phase"] == "inviting")
        assert ticket["service"] == new, "the first invitation that it hears"
    finally:
        gateway.stop()


def tickets_of(hall, device: str) -> list[Ticket]:
    name = topic(HALL, device, TICKET)
    return [
        decode_message(Ticket, one) for said, one in hall.said.messages if said == name and one
    ]


@pytest.fixture
def start(tmp_path):
    centre = ScriptedCentre(DEVICES, [f"w{number}" for number in range(1, 13)])
    halls = []

    def start(**how) -> HandFedHall:
        if halls:
            halls.pop().close()
        halls.append(HandFedHall(tmp_path, centre, **how))
        halls[-1].look()
        return halls[-1]

    yield start
    halls.pop().close()
    centre.stop()


@pytest.mark.parametrize(("step_h", "phases"), [(0, ["inviting"]), (-8, ["serving"])])
def test_a_start_whose_clock_was_corrected_says_only_what_may_be_true(start, step_h, phases):
    """TKT-5: an invitation that would end in eight hours was written by a clock that was ahead;
    the control has a clock that was right.
    """
    hall = start(wall_ms=NOON_MS)
    service = hall.open()
    hall.desk.invite(service)
    hall = start(wall_ms=NOON_MS + step_h * 3_600_000 + 5000)
    hall.announcer.hear({"dev-1"})
    hall.announcer.tickets(["dev-1"])
    assert [ticket.phase for ticket in tickets_of(hall, "dev-1")] == phases
    hall.pass_s(3 if step_h else 18)
    hall.announcer.end_invitations()
    assert hall.desk.get(service)[0].phase == "serving"


@pytest.mark.parametrize("step_h", [-8, 8])
def test_an_invitation_lasts_as_long_as_it_does_while_the_clock_is_set(start, step_h):
    """TKT-5: by the monotonic clock; a step ends none early and none late."""
    hall = start(wall_ms=NOON_MS)
    service = hall.open()
    hall.desk.invite(service)
    hall.wall_ms += step_h * 3_600_000  # before the device has heard of it
    hall.announcer.tickets(["dev-1"])
    hall.wall_ms += step_h * 3_600_000
    hall.pass_s(19)
    hall.announcer.end_invitations()
    hall.announcer.tickets(["dev-1"])
    hall.pass_s(3.5)
    hall.announcer.end_invitations()
    phases = [ticket.phase for ticket in tickets_of(hall, "dev-1")]
    assert phases == ["inviting", "inviting", "serving"]


def test_a_device_that_has_not_spoken_since_the_start_is_told_nothing_yet(start):
    """A broker that outlives the gateway keeps the ticket: one that stands is not cut short."""
    hall = start(wall_ms=NOON_MS)
    hall.desk.invite(hall.open())
    hall = start(wall_ms=NOON_MS + 5000)
    hall.announcer.tickets(["dev-1"])
    assert tickets_of(hall, "dev-1") == []
    assert hall.announcer.hear({"dev-1"}) == {"dev-1"}
    assert hall.announcer.hear({"dev-1"}) == set(), "once"
    hall.announcer.tickets(["dev-1"])
    assert [ticket.phase for ticket in tickets_of(hall, "dev-1")] == ["inviting"]


@pytest.mark.parametrize(("is_weakened", "phase"), [(False, "serving"), (True, "inviting")])
def test_the_control_that_doubts_nothing_invites_for_it(start, is_weakened, phase):
    hall = start(wall_ms=NOON_MS)
    hall.desk.invite(hall.open())
    hall.pens["dev-1"].rating()
    hall = start(wall_ms=NOON_MS)
    hall.pens["dev-1"].rating()
    hall.tell("dev-1")
    hall.announcer.hear({"dev-1"})
    if is_weakened:
        hall.earlier.is_in_doubt = lambda *_: False
    hall.announcer.tickets(["dev-1"])
    assert [ticket.phase for ticket in tickets_of(hall, "dev-1")] == [phase]


def test_a_record_that_comes_again_ends_the_doubt(start):
    """TKT-6: what no receipt covers comes again; then the hall knows whether it is rated."""
    hall = start(wall_ms=NOON_MS)
    service = hall.open()
    rating = hall.pens["dev-1"].rating("S-other")
    hall = start(wall_ms=NOON_MS)
    hall.pens["dev-1"].seq, hall.pens["dev-1"].prev = 1, mac16(rating)
    hall.tell("dev-1")
    hall.announcer.hear({"dev-1"})
    with pytest.raises(ConflictError):
        hall.desk.invite(service)
    hall.take("dev-1", rating)
    hall.desk.invite(service)
    with hall.database.read() as connection:
        assert services.get(connection, service).phase == "inviting"
