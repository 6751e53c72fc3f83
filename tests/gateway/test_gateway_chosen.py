"""The hall's document in the gateway: clerks and matters are chosen, not typed; a device that
moves leaves its records where they were made. Time is handed in.
"""

import json

import pytest
from gateway_hall import ScriptedCentre
from hand_fed_hall import DEVICES, HOUR_MS, HandFedHall

from gateway.desk.console import Console
from gateway.desk.services import PRESENT, Opening, UninvitedError
from gateway.hall.hall_book import HallBook
from gateway.store import services
from protocol.batch import EnvelopeItem, Matter, decode_document
from protocol.field import ProtocolError
from protocol.hall import HallMatter, Invites
from protocol.message import StaffCard

MORNING_MS = 1_760_058_000_000
STAFF = (StaffCard("0231", "王芳"), StaffCard("0240", "李强"), StaffCard("0250", "王敏"))
LICENCE, ADVICE = "11370000004505432200011", "11370000004505432200034"
MATTERS = (
    HallMatter(LICENCE, "营业执照设立", True),
    HallMatter(ADVICE, "咨询", False),
    HallMatter("11370000004505432200058", "营业执照注销", True),
)
SECRET = "5e" * 32


@pytest.fixture
def centre():
    running = ScriptedCentre(DEVICES, [f"w{number}" for number in range(1, 13)])
    invites = Invites(None, True, True, False)
    running.change_hall(staff=STAFF, matters=MATTERS, invites=invites, link_key=SECRET)
    yield running
    running.stop()


@pytest.fixture
def hall(tmp_path, centre):
    made = HandFedHall(tmp_path, centre, wall_ms=MORNING_MS)
    made.look()
    yield made
    made.close()


@pytest.fixture
def console(hall):
    return Console(
        hall.database, hall.desk, hall.book, hall.presence, lambda: hall.wall_ms, 20_000
    )


def open_of(hall, *codes, kind="single", window="w1", ticket_no="A001"):
    matters = tuple(Matter(None, None, code, None) for code in codes)
    return hall.desk.open(Opening(window, ticket_no, kind, matters, None, "queue", None))[0]


def document_of(hall, service):
    return decode_document(hall.desk.get(service)[0].document)


def staff_at(hall, window):
    with hall.database.read() as connection:
        return services.staff_at(connection, window)


def test_nobody_signs_in_who_is_not_listed(hall):
    """HAL-1: the nearest number is named; the name is the list's, and no record has it."""
    for wrong, meant in (("0232", "0231"), ("00240", "0240"), ("x", None)):
        with pytest.raises(ProtocolError) as refused:
            hall.desk.set_staff("w1", PRESENT, wrong, "王芳")
        assert refused.value.field == "staff_no"
        assert wrong in str(refused.value)
        assert meant is None or f"did you mean {meant}?" in str(refused.value)
    assert staff_at(hall, "w1") is None
    hall.desk.set_staff("w1", PRESENT, "0231", "somebody else")
    assert staff_at(hall, "w1").name == "王芳"
    service = open_of(hall)
    assert document_of(hall, service).staff_no == "0231"
    assert "王芳" not in repr(document_of(hall, service))


def test_where_nobody_is_listed_typing_stays_as_it_is(hall, centre, console):
    """HAL-1: an older centre, and one whose directory has no staff of this hall."""
    for listed in ((), None):
        centre.change_hall(staff=listed, matters=listed, invites=None, link_key=None)
        hall.watch.wake()
        hall.look()
        hall.desk.set_staff("w1", PRESENT, "9999", "赵六")
        assert staff_at(hall, "w1").name == "赵六"
        seen = console.show("w1")
        assert (seen["lists_staff"], seen["lists_matters"]) == (False, False)
        hall.desk.invite(open_of(hall, ADVICE, kind="agent"))
        hall.desk.set_staff("w1", "out", None, "")


def test_a_clerk_picks_a_name_or_types_a_number_of_the_list(hall, console):
    assert [code for code, _ in console.find("w1", "staff", "王")] == ["0231", "0250"]
    assert "请从名单中选择" in console.press("w1", "sign-in", "t", {"find": "王"})
    assert "请从名单中选择" in console.press("w1", "sign-in", "t", {"find": "0232"})
    assert staff_at(hall, "w1") is None
    for fields, number in (
        ({"find": "王", "staff_no": "0250"}, "0250"),  # picked of what was found
        ({"find": "0231"}, "0231"),
        ({"find": "李强"}, "0240"),
    ):
        assert console.press("w1", "sign-in", "t", fields) == ""
        assert staff_at(hall, "w1").staff_no == number


def test_a_service_at_the_console_gets_a_matter_that_may_be_rated(hall, console):
    console.press("w1", "sign-in", "t", {"find": "0231"})
    offered = [name for _, name in console.find("w1", "matters", "")]
    assert offered == ["营业执照设立", "营业执照注销"]
    for wrong in ("执照", "没有的"):
        told = console.press("w1", "start", "t", {"ticket_no": "001", "find": wrong})
        assert "请从列出的事项中选择" in told
    barred = next(one.task_name for one in MATTERS if one.task_code == ADVICE)
    for wrong in (ADVICE, barred):
        told = console.press("w1", "start", "t", {"ticket_no": "001", "find": wrong})
        assert "不在评价范围内" in told
        assert (console.find("w1", "matters", wrong), console.unrateable("matters", wrong)) == (
            [],
            barred,
        )
    assert console.unrateable("matters", "") == console.unrateable("staff", barred) == ""
    assert console.show("w1")["service"] is None
    picked = {"ticket_no": "001", "find": "执照", "task_code": MATTERS[2].task_code}
    assert console.press("w1", "start", "t", picked) == ""
    service = console.show("w1")["service"]
    (matter,) = document_of(hall, service.service).matters
    assert matter == Matter(None, None, MATTERS[2].task_code, "营业执照注销")
    console.press("w1", "close", "t", {"service": service.service})
    found = [code for code, _ in console.find("w1", "matters", "执照")]
    assert found == [MATTERS[2].task_code, LICENCE], "what was used last stands first"
    assert console.press("w1", "start", "t", {"ticket_no": "002", "find": "设立"}) == ""
    assert console.show("w1")["service"].matter == "营业执照设立"
    console.press("w1", "close", "t", {"service": console.show("w1")["service"].service})
    assert console.press("w1", "start", "t", {"ticket_no": "003", "find": ""}) == ""
    assert document_of(hall, console.show("w1")["service"].service).matters == ()


def test_a_service_that_is_not_to_be_rated_is_opened_and_invites_nobody(hall, console):
    """HAL-1: the clerk is told, the centre is told nothing of an invitation."""
    advice, agent = ((ADVICE,), "single", "not_rateable"), ((), "agent", "not_this_kind")
    for codes, kind, why in (advice, agent):
        service = open_of(hall, *codes, kind=kind, ticket_no=kind)
        assert hall.desk.invites(hall.desk.get(service)[0]) == why
        with pytest.raises(UninvitedError) as refused:
            hall.desk.invite(service)
        assert refused.value.why == why
        assert hall.desk.get(service)[0].phase == "serving"
        assert "不" in console.show("w1")["uninvited"]
        told = console.press("w1", "invite", "t", {"service": service})
        assert "业务照常办理" in told
        assert document_of(hall, service).kind == kind
    for codes in ((), (LICENCE,), ("unknown",), (ADVICE, LICENCE)):
        service = open_of(hall, *codes, ticket_no="A" + str(len(codes)) + "".join(codes)[-5:])
        assert console.show("w1")["uninvited"] == ""
        hall.desk.invite(service)
        assert hall.desk.get(service)[0].phase == "inviting"


def test_the_key_of_links_is_told_to_nobody(hall, caplog):
    """HAL-2"""
    assert hall.book.current.link_key == SECRET
    assert SECRET not in caplog.text
    assert SECRET not in json.dumps(hall.alarms.standing())


def test_a_document_that_is_too_large_is_told_and_the_one_before_stays(hall, centre, monkeypatch):
    """HAL-1"""
    monkeypatch.setattr("gateway_hall.encode_hall", crowded)
    centre.change_hall()
    hall.watch.wake()
    hall.look()
    told = hall.alarms.standing()["hall_document"]
    assert "staff must be a list of 0 to 4000 items" in told
    assert list(hall.book.staff) == ["0231", "0240", "0250"]
    monkeypatch.undo()
    hall.look(600)
    assert "hall_document" not in hall.alarms.standing()


def crowded(hall):
    members = {"version": hall.version, "hall": "demo", "windows": [], "devices": []}
    members["staff"] = [{"staff_no": "1", "name": "n"}] * 4001
    return json.dumps(members).encode()


def windows_of(items):
    records = [one for one in items if isinstance(one, EnvelopeItem)]
    return {json.loads(one.envelope.split("\n")[0])["seq"]: one.window for one in records}


def move(hall, centre, device, window):
    centre.change_device(device, window=window)
    hall.watch.wake()
    hall.look()


@pytest.fixture
def moved(hall, centre):
    """dev-1 stood at w1 and stands at w5 now; it holds records of before and of after."""
    service = hall.open("w1")
    pen = hall.pens["dev-1"]
    before = [
        pen.boot(1),
        pen.rating(service, at=hall.wall_ms),
        pen.reasons(2, at=hall.wall_ms + 1000),
    ]
    hall.pass_s(60)
    move(hall, centre, "dev-1", "w5")
    hall.pass_s(60)
    after = [pen.selftest(at=hall.wall_ms), pen.rating(service, at=hall.wall_ms)]
    return before, after


def test_what_a_device_made_before_it_moved_keeps_its_window(hall, moved):
    """Of a rating it is its service's, whenever it was made; without a time, where it stands."""
    before, after = moved
    hall.take("dev-1", *before, *after)
    assert windows_of(hall.look(1)) == {1: "w5", 2: "w1", 3: "w1", 4: "w5", 5: "w1"}


def test_by_the_book_at_reception_they_would_all_have_moved(hall, moved, monkeypatch):
    """The control."""
    monkeypatch.setattr(HallBook, "has_moved", lambda book, device: False)
    monkeypatch.setattr(
        HallBook, "window_at", lambda book, device, made_at_ms: book.devices[device].window
    )
    before, after = moved
    hall.take("dev-1", *before, *after)
    assert set(windows_of(hall.look(1)).values()) == {"w5"}


def test_a_clock_that_is_set_moves_no_record_to_another_window(hall, moved):
    """The move is kept by the gateway's running time: a clock 8 h ahead, then put right."""
    hall.wall_ms -= 8 * HOUR_MS
    pen = hall.pens["dev-1"]
    hall.pass_s(60)
    hall.take("dev-1", pen.selftest(at=hall.wall_ms))
    assert set(windows_of(hall.look(1)).values()) == {"w5"}


def test_where_it_stood_outlives_a_restart(hall, centre, moved):
    for window in ["w6", "w7"] * 20:
        hall.pass_s(1)
        move(hall, centre, "dev-1", window)
    book = HallBook(hall.book.name, hall.database, hall.alarms, hall.clock)
    assert book.window_at("dev-1", hall.wall_ms - 500) == "w6"
    assert book.window_at("dev-1", None) == book.window_at("dev-1", hall.wall_ms) == "w7"
    assert not book.has_moved("dev-2")
    with hall.database.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM stood").scalar()
    assert kept == 16
