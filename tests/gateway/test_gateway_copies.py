"""`pingjia gateway backup` and `restore`, and what a restored gateway says until all has come.

Copies under load, and a whole hall: tests/journey/test_copies_of_a_hall.py.
"""

import os

import pytest
from gateway_hall import ScriptedCentre
from hand_fed_hall import DEVICES, HandFedHall
from typer.testing import CliRunner

from gateway.hall.restored import RESTORED, Restored
from gateway.store import books
from gateway.store.database import Database
from hosting.secret_file import write_new
from pingjia import app
from protocol.hall import Device, Hall, Window, encode_hall

DAY_S = 86_400


@pytest.fixture
def hall(tmp_path):
    """Two devices: one has rated once and said so, the other one never spoke."""
    centre = ScriptedCentre()
    made = HandFedHall(tmp_path, centre)
    devices = tuple(Device(one, "w1", 29333341, "", False, None, None, ()) for one in DEVICES[:2])
    document = Hall(1, "demo", (Window("w1", "一"),), None, None, None, None, devices)
    made.book.take(encode_hall(document))
    made.rate(DEVICES[0], "S-1")
    made.tell(DEVICES[0])
    yield made
    made.close()
    centre.stop()


@pytest.fixture
def folder(tmp_path):
    """A hall's folder with its settings."""
    made = tmp_path / "hall"
    made.mkdir()
    write_new(made / "token", b"hall-token")
    settings = 'hall = "demo"\ncentre_url = "https://c.example"\ncentre_token_file = "token"\n'
    (made / "gateway.toml").write_text(settings + 'data_dir = "data"\n')
    return made


def gateway(folder, *words):
    command = ["gateway", *map(str, words), "--config", str(folder / "gateway.toml")]
    return CliRunner().invoke(app, command)


def made_data(folder) -> str:
    """A database with the hall's document in it; its book's name."""
    database = Database(folder / "data" / "gateway.sqlite")
    with database.write() as connection:
        name, _ = books.next_number(connection)
    database.close()
    return name


def test_a_copy_goes_into_an_empty_folder_only_and_begins_another_book(folder):
    """So that the centre sees what is missing, and does not take it for two gateways (BAT-8)."""
    name = made_data(folder)
    copy = folder / "copy.db"
    done = gateway(folder, "backup", copy)
    assert done.exit_code == 0, done.stderr
    assert f"not in it, keep them apart: {folder / 'token'}" in done.stdout
    assert b"hall-token" not in copy.read_bytes()
    refused = gateway(folder, "restore", copy)
    assert refused.exit_code == 1
    assert "is not empty (gateway.sqlite)" in refused.stderr
    (folder / "data").rename(folder / "old")
    done = gateway(folder, "restore", copy)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in (folder / "data").iterdir()) == ["gateway.sqlite", "lock"]
    database = Database(folder / "data" / "gateway.sqlite")
    with database.write() as connection:
        assert books.restored(connection) is not None
        another, number = books.next_number(connection)
    database.close()
    assert (another != name, number) == (True, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_puts_back_is_the_service_s_own(folder):
    made_data(folder)
    gateway(folder, "backup", folder / "copy.db")
    (folder / "data").rename(folder / "old")
    (folder / "data").mkdir()
    os.chown(folder / "data", 65534, 65534)
    assert gateway(folder, "restore", folder / "copy.db").exit_code == 0
    found = [folder / "data", *(folder / "data").iterdir()]
    assert {path.stat().st_uid for path in found} == {65534}
    assert (folder / "copy.db").stat().st_uid == folder.stat().st_uid == 0


def test_a_copy_of_another_hall_is_refused_and_nothing_stays(folder, hall, tmp_path):
    text = (folder / "gateway.toml").read_text()
    (folder / "gateway.toml").write_text(text.replace('"demo"', '"other"'))
    (folder / "data").mkdir()
    hall.database.close()
    (tmp_path / "gateway.sqlite").rename(folder / "data" / "gateway.sqlite")
    assert gateway(folder, "backup", folder / "copy.db").exit_code == 0
    (folder / "data").rename(folder / "old")
    refused = gateway(folder, "restore", folder / "copy.db")
    assert refused.exit_code == 1
    assert "the copy is of the hall demo, and not of other." in refused.stderr
    assert [path.name for path in (folder / "data").iterdir()] == ["lock"]


def test_it_says_restored_until_a_device_has_sent_what_it_tells_of(hall):
    """Not of the device that never spoke. Control: nothing is said without a restore."""
    watched(hall).look()
    assert hall.alarms.standing() == {}
    with hall.database.write() as connection:
        books.begin_anew(connection, hall.wall_ms)
    watch = watched(hall)
    watch.look()
    assert "offered again; to come from dev-1. Leave" in hall.alarms.standing()[RESTORED]
    late = hall.pens[DEVICES[0]].rating("S-2", at=hall.wall_ms)
    hall.tell(DEVICES[0])  # it has written what the copy lacks
    hall.earlier.hear([DEVICES[0]])
    watch.look()
    assert RESTORED in hall.alarms.standing()
    hall.take(DEVICES[0], late)
    watch.look()
    assert RESTORED not in hall.alarms.standing()
    with hall.database.read() as connection:
        assert books.restored(connection) is None


def test_a_device_that_does_not_come_is_waited_for_thirty_days_of_running(hall):
    with hall.database.write() as connection:
        books.begin_anew(connection, hall.wall_ms)
    watch = watched(hall)
    hall.pass_s(29 * DAY_S)
    watch.look()
    assert RESTORED in hall.alarms.standing()
    hall.pass_s(2 * DAY_S)
    watch.look()
    assert RESTORED not in hall.alarms.standing()


def watched(hall) -> Restored:
    return Restored(hall.database, hall.book.standing, hall.earlier, hall.clock, hall.alarms)
