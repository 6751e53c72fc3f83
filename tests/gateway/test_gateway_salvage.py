"""A damaged database: the hall starts, keeps what can be read, and says so. BAT-5 ACK-5"""

import random
import shutil
import sqlite3
import time

import pytest
from gateway_hall import EPOCH, HALL, Pen, settings_in, start_gateway, until

from gateway.hall import intake
from gateway.hall.intake import reread
from gateway.keep.alarms import Alarms
from gateway.keep.salvage import Salvage, open_database
from gateway.store import aside, envelopes, tokens
from gateway.store.database import Database
from hosting.error import OperatorError

RECORDS = 300
PAGE = 4096
SEED = 20261121


def salvage_of(path, database, alarms):
    return Salvage(
        path, HALL, database, alarms, reread=reread, now_ms=lambda: 5, wake=lambda: None
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with a hall's database as `kill -9` leaves it, a part of it still in the WAL; and
    the envelopes in it."""
    folder = tmp_path_factory.mktemp("whole")
    pen, texts = Pen("dev-1"), []
    database = Database(folder / "live.sqlite")
    with database.write() as connection:
        tokens.put(connection, "queue", b"x" * 32, 1, "api", None)
    for start in range(0, RECORDS, 100):
        some = [pen.rating(service=f"S{start + n}") for n in range(100)]
        texts += some
        judged = [intake.judge("pj/1/demo/dev-1/record", text, HALL, {"dev-1"}) for text in some]
        with database.write() as connection:
            envelopes.put(connection, [intake.row(one, 7, "w1", is_live=False) for one in judged])
        if start == 0:
            with database.read() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for part in ("", "-wal", "-shm"):
        shutil.copy(folder / f"live.sqlite{part}", folder / f"gateway.sqlite{part}")
    database.close()
    return folder, set(texts)


def flip(path, chance):
    """One bit in every page."""
    data = bytearray(path.read_bytes())
    for page in range(0, len(data) - PAGE + 1, PAGE):
        data[page + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
    path.write_bytes(data)


def truncate(path, chance):
    path.write_bytes(path.read_bytes()[: chance.randrange(1, path.stat().st_size)])


def zero_header(path, chance):
    """The -wal goes too: SQLite would find a sound header there."""
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    lose_wal(path, chance)


def zero_pages(path, chance):
    data = bytearray(path.read_bytes())
    for _ in range(5):
        page = PAGE * chance.randrange(len(data) // PAGE)
        data[page : page + PAGE] = bytes(PAGE)
    path.write_bytes(data)


def lose_wal(path, chance):
    path.with_name(path.name + "-wal").unlink()
    path.with_name(path.name + "-shm").unlink()


def damage_wal(path, chance):
    flip(path.with_name(path.name + "-wal"), chance)


def garbage(path, chance):
    path.write_bytes(chance.randbytes(path.stat().st_size))


# At least so many of 300 are there again, without any device.
DAMAGES = [(flip, 1), (truncate, 1), (zero_header, 100), (zero_pages, 50), (lose_wal, 100)]
DAMAGES += [(damage_wal, 100), (garbage, 190)]


@pytest.mark.parametrize("number", range(50))
def test_it_starts_within_ten_seconds_and_keeps_what_can_be_read(tmp_path, whole, number):
    """FAULTS 9"""
    damage, least = DAMAGES[number % len(DAMAGES)]
    path, alarms = _damaged(tmp_path, whole, damage, SEED + number)
    began_s = time.monotonic()
    database = open_database(path, 1_790_000_000_000)
    try:
        held = _salvage(path, database, alarms)
        assert time.monotonic() - began_s < 10
        assert len(held & whole[1]) >= least, f"{damage.__name__}, seed {SEED + number}"
        database.check()
        if "damage" in alarms.standing():
            assert ".salvaged-" in alarms.standing()["damage"]
    finally:
        database.close()


@pytest.mark.parametrize("damage", [zero_header, garbage], ids=lambda d: d.__name__)
def test_without_setting_aside_there_is_no_start(tmp_path, whole, damage):
    """The control: what the test above would meet."""
    path, _ = _damaged(tmp_path, whole, damage, SEED)
    with pytest.raises(OperatorError):
        Database(path)


def test_without_salvage_nothing_is_held(tmp_path, whole):
    """The control of the counts above."""
    path, _ = _damaged(tmp_path, whole, zero_header, SEED)
    database = open_database(path, 1)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM envelope").scalar() == 0
    database.close()


def test_times_and_windows_are_kept_where_sqlite_can_still_read(tmp_path, whole):
    path, alarms = _damaged(tmp_path, whole, zero_pages, SEED + 3)
    database = open_database(path, 1_790_000_000_000)
    _salvage(path, database, alarms)
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT received_at_ms, window, marks FROM envelope"
        ).all()
    database.close()
    assert {tuple(row) for row in rows} <= {(7, "w1", "[]"), (5, None, '["salvaged"]')}
    assert (7, "w1", "[]") in {tuple(row) for row in rows}


def test_the_file_is_kept_for_a_person_and_no_more_than_three_of_them(tmp_path, whole):
    for number in range(5):
        path, alarms = _damaged(tmp_path, whole, garbage, number)
        database = open_database(path, 1_790_000_000_000 + number)
        _salvage(path, database, alarms)
        database.close()
    assert len(aside.done(path)) == 3
    for left in aside.done(path):
        left.unlink()
    alarms = Alarms()
    salvage_of(path, database, alarms).step(0)
    assert alarms.standing() == {}


def test_a_hall_whose_database_is_damaged_while_it_runs_gets_everything_to_the_centre(
    tmp_path, centre, connect
):
    """The centre is away, the device has its acknowledgement, the file is destroyed: the hall
    finds that out, starts anew by itself, and what was salvaged or sent again arrives."""
    from gateway.gateway import Gateway

    centre.script.extend([503] * 10_000)
    settings = settings_in(tmp_path, centre.url)
    gateway = start_gateway(settings)
    pen = Pen("dev-1")
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    for _ in range(200):
        device.send(pen.rating())
    device.hear_hall(200)
    path = settings.data_dir / "gateway.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    data = path.read_bytes()
    with path.open("r+b") as file:  # the same file, below the running gateway
        for page in range(PAGE, len(data), PAGE):
            file.seek(page)
            file.write(bytes(8))
    device.send(pen.rating())
    until(gateway.database.is_damaged.is_set, "the damage to be noticed")
    device.leave()
    gateway.stop()
    centre.script.clear()
    again = Gateway(settings)
    try:
        again.start()
        until(lambda: len(centre.seqs("dev-1")) >= 200, "what was salvaged", 20)
        assert "damage" in again.alarms.standing()
        assert set(centre.held["dev-1", EPOCH]) >= set(range(1, 201))
        assert again.book.version is not None, "the hall's document was taken over"
    finally:
        again.stop()


def _damaged(folder, whole, damage, seed):
    path = folder / "gateway.sqlite"
    for part in ("", "-wal", "-shm"):
        shutil.copy(whole[0] / f"gateway.sqlite{part}", folder / f"gateway.sqlite{part}")
    damage(path, random.Random(seed))
    return path, Alarms()


def _salvage(path, database, alarms) -> set[bytes]:
    salvage = salvage_of(path, database, alarms)
    while aside.waiting(path):
        salvage.step(0)
    salvage.step(0)
    with database.read() as connection:
        return set(connection.exec_driver_sql("SELECT envelope FROM envelope").scalars())
