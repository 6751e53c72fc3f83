"""A hall that lies: each lie is harmless, or the supervisor reads of it. One test for each.

Between the real firmware and the real centre (province_parts.py) stands a hall that does as it
likes.
"""

import json

import pytest
from province_parts import DAY_MS, HOUR_MS, Device, Province, document, verdicts

from central.ratings.period import ALL
from firmware.session import Session
from hosting.clock import china, start_of
from protocol.batch import EnvelopeItem, HeadItem
from protocol.message import Ticket
from protocol.record import parse
from simulator.pen import Pen


@pytest.fixture
def province(tmp_path):
    made = Province(tmp_path)
    yield made
    made.database.close()


def test_an_honest_hall_raises_no_alarm(province):
    """The control."""
    for _ in range(5):
        province.take(*province.device.rate(3))
        province.post(province.device.head())
        province.hours(1)
    assert province.alarms() == set()
    assert province.levels() == [1] * 15
    assert province.device.journal.first() > 4


def test_it_acknowledges_and_forwards_nothing(province):
    """The device frees nothing; the centre sees what is missing; in the end all arrives."""
    device = province.device
    device.rate(5)
    device.acknowledged(device.journal.seq)
    assert device.journal.first() == 1
    province.post(device.head())
    province.hours(1)
    found = province.findings()["gap"]
    assert (found["device"], found["seq"], found["last_seq"]) == ("xj-0417", 2, 6)
    assert found["first_at_ms"] == province.time() - HOUR_MS
    assert province.reads("gap")
    device.acknowledged(0)  # another gateway, which tells the truth
    province.take(*device.offers_again())
    assert province.levels() == [1] * 5
    assert province.alarms() == set()


def test_it_forwards_neither_records_nor_heads(province):
    province.take(*province.device.rate())
    province.hours(9.9 * 24)
    assert province.alarms() == set()
    province.hours(0.2 * 24)
    assert province.alarms() == {"silent_hall", "silent_device"}
    assert province.reads("silent_hall")


def with_other_answer(rating):
    """Nobody in the hall can read an answer; its first digit is another one now."""
    at = rating.index('"answer":"') + len('"answer":"')
    return rating[:at] + ("1" if rating[at] == "0" else "0") + rating[at + 1 :]


def test_it_alters_a_rating(province):
    device = province.device
    (rating,) = device.rate()
    altered = with_other_answer(rating)
    assert verdicts(province.post(altered)) == ["rejected"]
    assert province.alarms() == {"bad_mac"}
    assert province.reads("bad_mac")
    device.acknowledged(1)
    province.take(*device.offers_again())
    assert province.levels() == [1]


def test_it_drops_the_bad_ratings(province):
    device = province.device
    sent = device.rate(2, level=5) + device.rate(2, level=1) + device.rate(2, level=5)
    province.post(*sent[:2], *sent[4:])
    province.hours(1)
    found = province.findings()["gap"]
    assert (found["seq"], found["last_seq"]) == (4, 5)
    assert province.reads("gap")
    device.acknowledged(0)
    province.take(*device.offers_again())
    assert province.alarms() == set()
    assert sorted(province.levels()) == [1, 1, 5, 5, 5, 5]


def test_it_reorders(province):
    """Harmless: the order is that of the seqs."""
    sent = province.device.rate(8)
    for envelope in reversed(sent):
        province.post(envelope)
    province.hours(2)
    assert province.alarms() == set()
    assert [parse(one["envelope"].encode()[:-65])["seq"] for one in province.centre.records()] == (
        list(range(1, 10))
    )


def test_it_replays(province):
    sent = province.device.rate(5)
    province.take(*sent)
    province.hours(48)
    assert set(verdicts(province.post(*sent))) == {"duplicate"}
    assert province.levels() == [1] * 5
    assert province.findings()["replayed"]["count"] == 5
    assert province.reads("replayed")


def test_it_invents_a_receipt(province):
    """RCT-2: the device frees nothing and says so; the centre believes no such receipt."""
    device = province.device
    sent = device.rate(9)
    mac16 = sent[-1][-64:-48]
    receipt = Pen(device.name, device.epoch, b"x" * 32).receipt(seq=10, mac16=mac16, at=5)
    device.acknowledged(10, receipt)
    assert device.journal.first() == 1
    assert "bad_receipt" in device.link.problems
    province.post(HeadItem(device.head().head, receipt, None))
    assert province.alarms() == {"forged_receipt"}
    assert province.findings()["forged_receipt"]["device"] == device.name
    assert province.reads("forged_receipt")
    province.hours(1)
    assert province.findings()["gap"]["last_seq"] == 10


def test_it_replays_an_old_receipt(province):
    """Harmless: it frees no more than it did."""
    device = province.device
    (receipt,) = province.post(*device.rate(5)).receipts
    device.acknowledged(6, receipt)
    first = device.journal.first()
    device.rate(5)
    device.acknowledged(11, receipt)
    assert device.journal.first() == first
    assert len(device.journal.after(6, 20)) == 5


def test_it_gives_one_device_s_receipt_to_another(province):
    other = Device(province.centre, "xj-0500", "w2")
    (receipt,) = province.post(*province.device.rate(9)).receipts
    other.rate(9)
    other.acknowledged(10, receipt)
    assert other.journal.first() == 1
    assert "bad_receipt" in other.link.problems


def test_it_swaps_the_wording(province):
    """The words come from the centre's own envelope: one that the hall made changes nothing."""
    device = province.device
    for envelope in (b'{"kind":"settings"}\n' + b"0" * 64, device.rate()[0].encode()):
        device.told("settings", envelope)
        assert device.wording is None
        assert any("settings" in problem for problem in device.link.problems)


def test_it_shows_one_service_document_and_sends_another(province):
    """The rating signs the hash of the first one, which never comes."""
    shown, name = document(staff_no="0231", ticket_no="A1", service="xj-0417-1")
    sent, _ = document(staff_no="0999", ticket_no="A1", service="xj-0417-1")
    province.take(sent, *province.device.rate(facts=name))
    province.hours(1.1)
    assert province.reads("facts_missing")
    assert province.findings()["facts_missing"]["device"] == "xj-0417"
    province.post(shown)
    assert "facts_missing" not in province.findings()


def test_it_replaces_a_service_document_afterwards(province):
    """The first holder of a hash keeps it, and other bytes have another hash: harmless."""
    facts, name = document(staff_no="0231", ticket_no="A1", service="xj-0417-1")
    other, _ = document(staff_no="0999", ticket_no="A1", service="xj-0417-1")
    province.take(facts, *province.device.rate(facts=name))
    province.post(other)
    assert province.alarms() == set()
    with province.database.read() as connection:
        query = "select bytes from document join record on record.facts = document.facts"
        (content,) = connection.exec_driver_sql(query).scalars()
    assert json.loads(content)["staff_no"] == "0231"


@pytest.mark.parametrize("change", [{"staff_no": "0999"}, {"ticket_no": "B7"}])
def test_its_ticket_blames_somebody_else(province, change):
    facts, name = document(ticket_no="A1", service="xj-0417-1")
    province.take(facts, *province.device.rate(facts=name, **change))
    assert province.alarms() == {"facts_differ"}
    assert province.reads("facts_differ")


def test_it_says_that_a_rating_was_given_at_another_window(province):
    """Harmless: the window is that of the enrolment."""
    (rating,) = province.device.rate()
    province.centre.post(EnvelopeItem(rating, province.time(), "w2", "S-9", ("broken_chain",)))
    row = province.centre.records()[-1]
    assert (row["window"], row["marks"]) == ("w1", [])
    assert row["hall_marks"] == ["broken_chain"]
    assert province.alarms() == set()


def test_it_replays_an_old_ticket(province):
    """TKT-1: the device refuses a service that it has rated; another device's rating is second."""
    session = Session(["S-1"], 2000, 2000, 2000)
    session.take_ticket(Ticket("S-1", "0" * 64, "A1", "inviting", None, None, 20_000, 1), 0)
    assert not session.accept(10, 20)
    other = Device(province.centre, "xj-0500", "w2")
    province.take(*province.device.rate(service="S-1"))
    province.post(*other.rate(service="S-1", level=5))
    assert province.centre.report(ALL, "demo", None).whole.total == 1
    with province.centre.database.read() as connection:
        query = "select second from standing where service = 'S-1'"
        assert connection.exec_driver_sql(query).scalars().all() == [1]


def test_it_hides_a_device(province):
    """The others prove that they are fresh, this one does not: four hours, and not one less."""
    hidden = Device(province.centre, "xj-0500", "w2")
    province.hear(hidden, *hidden.rate())
    province.hear(hidden)
    province.hear(province.device)
    for hour in range(9):
        assert ("silent_device" in province.alarms()) == (hour >= 8), hour
        province.hours(0.5)
        province.hear(province.device, *province.device.rate())
        province.hear(province.device)
    found = province.findings()["silent_device"]
    assert (found["device"], found["window"]) == ("xj-0500", "w2")
    assert province.alarms() == {"silent_device"}
    assert province.reads("silent_device")
    province.hear(hidden)
    province.hear(hidden)
    assert province.alarms() == set()


def test_it_pauses_to_hide_a_device(province):
    """Pauses stop the sum, and nothing resets it."""
    hidden = Device(province.centre, "xj-0500", "w2")
    province.hear(hidden)
    province.hear(hidden)
    days = 0
    while "silent_device" not in province.alarms():
        province.hours(23)
        province.hear(province.device)
        province.hear(province.device)
        days += 1
        assert days < 8
    assert province.findings()["silent_device"]["device"] == "xj-0500"


def test_it_withholds_the_receipts_of_a_device_and_shows_its_heads(province):
    """A head proves what its device has heard, whenever it is shown."""
    kept = Device(province.centre, "xj-0500", "w2")
    province.hear(kept, *kept.rate())
    for _ in range(14):
        province.post(kept.head())
        province.hear(province.device)
        province.hours(0.5)
    province.hear(province.device)
    assert province.findings()["silent_device"]["device"] == "xj-0500"


def test_it_hoards_heads_of_a_device(province):
    """What was signed with the device alive proves nothing about later."""
    hidden = Device(province.centre, "xj-0500", "w2")
    province.hear(hidden)
    hoarded = []
    for _ in range(14):
        province.hours(0.01)
        hoarded.append(hidden.head())
    for head in hoarded:
        province.hear(province.device, head)
        province.hours(0.5)
    province.hear(province.device)
    assert "silent_device" in province.alarms()


def test_it_releases_hoarded_heads_slowly(province):
    """Each has heard a later receipt than the one before, and none was signed after the rating
    that the hall keeps back: a proof counts as of the time when it was made.
    """
    hidden = Device(province.centre, "xj-0500", "w2")
    sent = hidden.rate()
    for device in (hidden, hidden, province.device, province.device):
        province.hear(device, *sent)
    hoarded = []
    for _ in range(3):
        province.hours(1.1)
        province.hear(province.device)
        hidden.acknowledged(2, province.post(*sent).receipts[0])
        hoarded.append(hidden.head())
    hidden.rate(level=1)
    hours = 0
    while "silent_device" not in province.alarms():
        if hours % 3 == 0 and hoarded:
            province.post(hoarded.pop(0))
        province.hours(1.1)
        province.hear(province.device)
        hours += 1
    assert hours <= 5
    assert province.findings()["silent_device"]["device"] == "xj-0500"


@pytest.mark.parametrize("hours", [1.5, 15, 62, 9 * 24])
def test_a_hall_that_is_closed_for_a_while_is_no_alarm(province, hours):
    """At lunch, at night, over a weekend, over the Spring Festival; the devices come back one
    after the other.
    """
    other = Device(province.centre, "xj-0500", "w2")
    both = (province.device, other)
    for _ in range(2):
        for device in both:
            province.hear(device, *device.rate())
    for _ in range(3):
        province.hours(hours)
        assert province.alarms() == set()
        for device in both:
            province.hear(device)
            province.hours(0.2)
            province.hear(device)
        assert province.alarms() == set()


def test_a_device_alone_is_missed_after_ten_days(province):
    province.hear(province.device)
    province.hear(province.device)
    province.hours(9.9 * 24)
    assert "silent_device" not in province.alarms()
    province.hours(0.2 * 24)
    assert "silent_device" in province.alarms()


def test_the_time_in_which_the_centre_is_down_is_nobody_s_silence(province):
    """Twelve days after four in which it ran; what came before they ended is not missed either."""
    device = province.device
    lost = document(book="4be1c6a09d2f7733", number=2, service="S-2")[0]
    province.hear(device)
    province.hear(device)
    province.hours(4 * 24)
    province.centre.note_running()
    province.post(lost)  # number 1 is to come
    province.hours(12 * 24)
    province.centre.note_running()
    assert province.alarms() == set()
    for _ in range(6):
        province.time.ms += 600_000
        province.centre.note_running()
    province.hours(0.01)
    assert province.alarms() == {"documents_missing"}, "the control: an hour of the centre's"
    province.runs(5.9 * 24)
    assert "silent_device" not in province.alarms()
    province.runs(0.1 * 24)
    assert {"silent_device", "silent_hall"} <= province.alarms(), "ten days of the centre's"


def test_nobody_misses_a_window_that_rests(province):
    """Until its day, on which it is in use again by itself; an operator may end it before."""
    other = Device(province.centre, "xj-0500", "w2")
    province.hear(other)
    province.hear(other)
    day_on = china(province.time() + 12 * DAY_MS).date()
    province.centre.halls.rest("demo", "w2", day_on, "装修")
    assert "装修" in province.page("/halls/demo")
    until_ms = start_of(day_on)
    while province.time() + DAY_MS < until_ms:
        for _ in range(2):
            province.hear(province.device)
        province.hours(24)
        province.centre.note_running()
        assert province.alarms() == set()
    province.time.ms = until_ms
    for _ in range(2):
        province.hear(province.device)
    province.centre.note_running()
    assert "装修" not in province.page("/halls/demo")
    for hour in range(5):
        assert ("silent_device" in province.alarms()) == (hour == 4), hour
        province.hours(1.1)
        for _ in range(2):
            province.hear(province.device)
    assert province.findings()["silent_device"]["device"] == "xj-0500"
    province.centre.halls.rest("demo", "w2", china(province.time() + 3 * DAY_MS).date(), None)
    assert province.alarms() == set()
    province.centre.halls.end_rest("demo", "w2")
    assert province.alarms() == set()
    province.runs(10.1 * 24)
    assert "silent_device" in province.alarms()


@pytest.mark.parametrize("answers", ["at once", "with the next"])
@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_hall_that_carries_its_files_is_no_alarm(province, days, answers):
    """Each file leaves a rating behind that the head in it speaks of; one is nine days late."""
    courier = Courier(province, answers == "at once")
    province.centre.halls.carry("demo", days)
    for trip in range(5):
        courier.carry(courier.devices)
        province.hours(24 * (days + (9 if trip == 3 else 0)))
        assert province.findings() == {}
    assert province.levels().count(5) == 8


def test_without_its_carry_interval_it_is(province):
    """The control: the same hall, taken for one with a network."""
    courier = Courier(province, is_answered_at_once=True)
    found = set()
    for _ in range(3):
        courier.carry(courier.devices)
        province.hours(7 * 24)
        found |= set(province.findings())
    assert found == {"gap", "silent_device"}


@pytest.mark.parametrize("days", [7, 30])
def test_a_hall_that_no_longer_carries_is_no_alarm(province, days):
    """It has its network now; what it sends from then on is missed as anybody's."""
    courier = Courier(province, is_answered_at_once=False)
    province.centre.halls.carry("demo", days)
    for _ in range(3):
        courier.carry(courier.devices)
        province.hours(24 * days)
    assert province.findings() == {}
    province.centre.halls.carry("demo", None)
    assert province.findings() == {}
    province.hours(0.9)
    for device in courier.devices * 2:
        province.hear(device, *device.offers_again())
    courier.carry(courier.devices)
    for device in courier.devices * 2:
        province.hear(device, *device.offers_again())
    assert province.findings() == {}


def test_it_leaves_a_device_out_of_its_files(province):
    """Named with the second file in which others are fresh."""
    courier = Courier(province, is_answered_at_once=True)
    province.centre.halls.carry("demo", 7)
    for _ in range(2):
        courier.carry(courier.devices)
        province.hours(7 * 24)
    for trip in range(2):
        assert province.findings() == {}, trip
        courier.carry(courier.devices[:1])
        province.hours(7 * 24)
    assert province.findings()["silent_device"]["device"] == "xj-0500"


class Courier:
    """Carries the files of a hall with two devices, and what the centre answers back."""

    def __init__(self, province, is_answered_at_once):
        self._province, self._is_answered_at_once = province, is_answered_at_once
        self.devices = (province.device, Device(province.centre, "xj-0500", "w2"))
        self._left, self._answers, self._number = [], [], 0

    def carry(self, devices):
        """A file with a rating of each of these, but for its last records."""
        self._bring_answers()
        sent, self._left = self._left, []
        for device in devices:
            self._number += 1
            window = "w1" if device is self.devices[0] else "w2"
            values = {"service": f"S-{self._number}", "ticket_no": f"A{self._number}"}
            facts, name = document(
                book="4be1c6a09d2f7733", number=self._number, window=window, **values
            )
            device.shown += 1
            self._left += device.rate(**values, facts=name, level=5)
            sent.append(facts)
            device.acknowledged(device.journal.seq)
            sent.append(device.head())
        answer = self._province.post(*sent)
        self._answers = [parse(text.encode()[:-65]) | {"text": text} for text in answer.receipts]
        if self._is_answered_at_once:
            self._bring_answers()

    def _bring_answers(self):
        for device in self.devices:
            for one in self._answers:
                if one["device"] == device.name:
                    device.acknowledged(device.journal.seq, one["text"])


def test_it_never_tells_the_time(province):
    """Its ratings count on the day on which they come, and the supervisor reads of it at once."""
    untold = Device(province.centre, "xj-0500", "w2", is_told=False)
    for day in range(3):
        assert province.today().total == 0, day
        province.hear(untold, *untold.rate(5))
        assert province.today().total == 5
        province.hours(24)
    assert province.alarms() == {"undated"}
    found = province.findings()["undated"]
    assert (found["device"], found["window"], found["count"]) == ("xj-0500", "w2", 15)
    assert province.reads("undated")
    untold.told_time(province.time())  # another hall, which does
    province.hear(untold, *untold.rate())
    assert province.today().total == 1
    assert {one["rated_at_ms"] is None for one in province.centre.records() if one["level"]} == {
        False
    }


def test_it_keeps_back_the_documents_of_bad_ratings(province):
    """By their numbers: a later one has come. Within an hour, and until they come."""
    device = province.device
    kept = []
    for number in range(1, 6):
        service = f"xj-0417-{device.ratings + 1}"
        place = {"book": "4be1c6a09d2f7733", "number": number}
        facts, name = document(**place, service=service, ticket_no=f"A{number}")
        sent = device.rate(service=service, ticket_no=f"A{number}", facts=name)
        kept += [facts] if number in (2, 3) else []
        province.take(*(() if number in (2, 3) else (facts,)), *sent)
    assert province.alarms() == set()
    province.hours(1.01)
    found = province.findings()["documents_missing"]
    assert (found["hall"], found["count"]) == ("demo", 2)
    assert province.reads("documents_missing")
    province.take(*kept)
    assert province.alarms() == set()


def test_it_opens_services_that_it_tells_nobody_of(province):
    """A device counts what it was shown; a service that is shown has a document."""
    device = province.device
    province.hear(device)
    for number in range(1, 4):  # while the device was off
        facts, _ = document(book="4be1c6a09d2f7733", number=number, service=f"S-{number}")
        province.take(facts)
    province.hours(0.1)
    province.hear(device)
    device.shown += 2
    province.hours(0.1)
    province.hear(device)
    assert province.alarms() == set()
    province.hours(1.01)
    found = province.findings()["documents_missing"]
    assert (found["device"], found["count"]) == ("xj-0417", 2)
    for number in (4, 5):
        facts, _ = document(book="4be1c6a09d2f7733", number=number, service=f"S-{number}")
        province.take(facts)
    province.hours(0.1)
    province.hear(device)
    assert province.alarms() == set()


def test_it_cuts_a_device_s_power_so_that_it_forgets_what_it_was_shown(province):
    """What is shown after a restart comes on top of what the centre was told before."""
    device = province.device
    facts, _ = document(book="4be1c6a09d2f7733", number=1, service="S-1")
    province.take(facts)
    province.hear(device)
    for _ in range(4):
        device.shown += 1  # and no document of it
        province.hours(0.4)
        province.hear(device)
        device.shown = 0
        device.journal.boot += 1
        province.hear(device)
    found = province.findings()["documents_missing"]
    assert (found["device"], found["count"]) == ("xj-0417", 4)


def test_it_puts_back_an_older_copy_of_its_database(province):
    """BAT-8: or lets two gateways run; one number has two documents."""
    place = {"book": "4be1c6a09d2f7733", "number": 1}
    for service in ("S-1", "S-2"):
        facts, _ = document(**place, service=service)
        province.take(facts)
    assert province.alarms() == {"two_gateways"}
    assert province.reads("two_gateways")
    found = province.findings()["two_gateways"]
    assert (found["count"], found["device"]) == (1, None)


def served(device, number, level=5):
    """A service with its document, rated on the device: what an honest hall would send."""
    facts, name = document(
        book="4be1c6a09d2f7733", number=number, service=f"S-{number}", ticket_no=f"A{number}",
        opened_at_ms=device._time(),
    )  # fmt: skip
    changes = {"service": f"S-{number}", "ticket_no": f"A{number}", "facts": name}
    return facts, *device.rate(level=level, **changes)


def test_it_cuts_the_tail_and_has_the_board_enrolled_anew(province):
    """Named at once, with how many services the window had since the last proof, for ever."""
    device = province.device
    for number in (1, 2):
        province.hear(device, *served(device, number))
        province.hours(0.1)
    province.hear(device)
    province.hours(0.1)
    for number in (3, 4, 5):
        facts, *_kept_back = served(device, number, level=1)
        province.post(facts)
        province.hours(0.1)
    hoarded = device.head()
    assert province.alarms() == set()
    province.centre.enrol("xj-0417")
    found = province.findings()["open_epoch"]
    assert (found["device"], found["epoch"], found["window"]) == ("xj-0417", device.epoch, "w1")
    assert (found["services"], found["first_at_ms"]) == (3, province.time())
    assert province.reads("open_epoch")
    assert (
        f"评价器 xj-0417（登记 {device.epoch}）：最后一次证明至登记结束，窗口有 3 次服务"
        in page(province)
    )
    province.post(*device.rate(), hoarded)
    province.hours(40 * 24)
    assert "open_epoch" in province.alarms()


def page(province) -> str:
    return province.centre.client.get("/marks", headers={"accept": "text/html"}).text


def test_a_board_that_an_honest_hall_has_enrolled_anew_is_no_alarm(province):
    """The control: the bench delivers its records, then the receipt to it, and its head back."""
    device = province.device
    for number in (1, 2, 3):
        province.hours(0.1)
        facts, *_kept_back = served(device, number, level=1)
        province.post(facts)
    province.centre.enrol("xj-0417")
    assert province.findings()["open_epoch"]["services"] == 3
    (receipt,) = province.post(*device.offers_again(), device.head()).receipts
    device.acknowledged(device.journal.seq, receipt)
    province.post(device.head())
    assert province.alarms() == set()
    assert province.levels() == [1, 1, 1]


def test_it_shows_an_old_head_for_a_new_one(province):
    device = province.device
    province.take(*device.rate(2))
    old = device.head()
    province.hours(0.1)
    province.take(*device.rate(2))
    province.post(device.head())
    province.post(old)
    assert province.alarms() == {"older_head"}
    assert province.reads("older_head")


def test_it_keeps_a_device_alive_with_its_old_heads(province):
    """An old head is no sign of life."""
    other = Device(province.centre, "xj-0500", "w2")
    sent = other.rate()
    old = other.head()
    province.post(*sent, old)
    for _ in range(14):
        province.hear(province.device, *province.device.rate())
        province.post(old)
        province.hours(0.5)
    assert "silent_device" in province.alarms()


def test_it_invites_nobody_after_bad_service(province):
    """At one window 60 services and 6 ratings, at another 60 and 54."""
    other = Device(province.centre, "xj-0500", "w2")
    for number in range(60):
        for device, window, rated in ((province.device, "w1", 6), (other, "w2", 54)):
            name = f"{device.name}-{number}"
            values = {"service": name, "window": window, "ticket_no": f"A{number}"}
            facts, hash16 = document(**values, opened_at_ms=province.time())
            sent = []
            if number < rated:
                values = {"service": name, "ticket_no": f"A{number}", "facts": hash16}
                sent = device.rate(**values)
            province.post(facts, *sent)
    province.hours(0.2)
    found = province.findings()["seldom_rated"]
    assert (found["window"], found["count"]) == ("w1", 54)
    assert province.reads("seldom_rated")
    assert province.alarms() == {"seldom_rated"}


def test_it_tells_a_wrong_time(province):
    """The centre's clock corrects it; the order is that of the seqs."""
    device = province.device
    device.told_time(province.time() + 10 * 365 * DAY_MS)
    province.take(*device.rate(3))
    assert province.alarms() == {"clock_wrong"}
    assert province.reads("clock_wrong")
    rows = [one for one in province.centre.records() if '"rating"' in one["envelope"]]
    assert [row["rated_at_ms"] for row in rows] == [province.time()] * 3


def test_it_holds_everything_back_for_a_day(province):
    """Harmless: nothing is lost, and the bound of the time tells how late it came."""
    device = province.device
    sent = device.rate(3)
    made_at_ms = province.time()
    province.hours(24)
    province.centre.post(*(EnvelopeItem(one, made_at_ms, "w1", None, ()) for one in sent))
    rows = [one for one in province.centre.records() if '"rating"' in one["envelope"]]
    assert {row["rated_at_ms"] for row in rows} == {made_at_ms}
    assert min(row["rated_error_ms"] for row in rows) >= DAY_MS


def test_it_lets_a_revoked_device_in(province):
    device = province.device
    province.take(*device.rate(level=1))
    province.hours(1)
    province.centre.revoke("xj-0417", None, "被盗")
    province.hours(1)
    province.post(*device.rate(5, level=5))
    assert province.alarms() == {"signed_after_revocation", "open_epoch"}
    assert province.reads("signed_after_revocation")
    assert province.centre.report(ALL, "demo", None).whole.total == 1
    assert len(province.levels()) == 6


def test_it_sends_one_device_s_records_with_another_one_s_key(province):
    """A thief of one device who works in the hall."""
    other = Device(province.centre, "xj-0500", "w2")
    forged = other.rate()[0].replace("xj-0500", "xj-0417")
    record = forged.encode()[:-65]
    pen = Pen("xj-0500", other.epoch, province.centre.keys.key("xj-0500", other.epoch))
    assert verdicts(province.post(pen.sign(record).decode())) == ["rejected"]
    assert province.alarms() == {"wrong_device"}
    assert province.reads("wrong_device")


def test_it_invents_a_device(province):
    """With an enrolment token of its own, which gives it a key, and 200 ratings that verify."""
    true = province.device.rate(3, level=1)
    province.take(*true)
    before = province.centre.report(ALL, "demo", None).whole.counts
    invented = province.centre.enrol_by_bench("xj-6666", "w2")
    province.hours(1)
    sent = [invented.rating(level=5, at=province.time()) for _ in range(200)]
    sent += [invented.rating(level=5, at=province.time(), service="xj-0417-1")]
    assert set(verdicts(province.post(*sent))) == {"stored"}
    for days in (0, 2.9):
        province.hours(24 * days)
        province.hear(province.device)
        assert province.centre.report(ALL, "demo", None).whole.counts == before
        assert "pending_enrolment" not in province.alarms()
    province.hours(24)
    found = province.findings()["pending_enrolment"]
    assert (found["device"], found["window"], found["count"]) == ("xj-6666", "w2", 1)
    assert province.reads("pending_enrolment")
    province.centre.approval.refuse("xj-6666", "没有这台评价器")
    assert "pending_enrolment" not in province.alarms()
    province.post(invented.rating(level=5, at=province.time()))
    for window in (None, "w1", "w2"):
        report = province.centre.report(ALL, "demo", window)
        assert report.whole.counts == (before if window != "w2" else dict.fromkeys(before, 0))
    assert province.levels().count(5) == 202, "kept as evidence"


def test_it_lets_a_device_that_was_replaced_go_on_rating(province):
    """Two devices that both speak for a day at one window; the old one was never revoked."""
    heir = Device(province.centre, "xj-0500", "w1")
    elsewhere = Device(province.centre, "xj-0600", "w2")
    for hour in range(26):
        for device in (province.device, heir, elsewhere):
            province.hear(device, *device.rate())
        assert ("two_devices" in province.alarms()) == (hour >= 25), hour
        province.hours(1)
    found = province.findings()["two_devices"]
    assert (found["window"], found["device"], found["count"]) == ("w1", "xj-0500", 1)
    assert province.reads("two_devices")
    province.centre.revoke("xj-0417", None, "更换")
    assert "two_devices" not in province.alarms()


def test_a_device_that_was_replaced_and_fell_silent_is_not_two(province):
    """The control: the old one spoke for some hours more, and then no more."""
    heir = Device(province.centre, "xj-0500", "w1")
    for hour in range(30):
        for device in (province.device, heir) if hour < 12 else (heir,):
            province.hear(device, *device.rate())
        province.hours(1)
    assert "two_devices" not in province.alarms()


def test_it_has_records_brought_that_no_gateway_sent(province):
    """By a technician who held the key; what a gateway had sent before bears no mark."""
    device = province.device
    sent = device.rate(2)
    province.post(sent[0])
    answer = province.centre.intake.rescue("demo", sent)
    assert verdicts(answer) == ["duplicate", "stored"]
    assert [one["marks"] for one in province.centre.records()][1:] == [[], ["only_rescued"]]
    assert province.alarms() == {"only_rescued"}
    assert province.reads("only_rescued")
    assert province.centre.report(ALL, "demo", None).whole.total == 2


def test_it_calls_what_it_replays_rescued(province):
    """Only a technician's own request makes it that."""
    sent = province.device.rate(5)
    province.take(*sent)
    province.hours(48)
    again = [EnvelopeItem(one, province.time(), "w1", None, ("rescued",)) for one in sent]
    province.centre.post(*again)
    assert province.findings()["replayed"]["count"] == 5
    province.take(*province.device.rate())
    assert all(one["hall_marks"] == [] for one in province.centre.records())
