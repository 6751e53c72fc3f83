"""What only PostgreSQL has: partitions, connections that break, processes that start together."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from central_hall import differences
from empty_file import ACTS_KEY
from sqlalchemy import RootTransaction, create_engine, event

from central.audit import acts as chain
from central.store import ledger, sql, walk
from central.store.database import CONNECTIONS, Database, open_database
from central.store.people import acts
from protocol.batch import encode_batch

pytestmark = pytest.mark.needs("postgresql")

READ = re.compile(r" on (record_\d\d) ")
NEVER = "(never executed)"
RECORDS = "SELECT * FROM record ORDER BY device, epoch, seq"


def test_models_and_migrations_do_not_differ_here_either(database):
    with database.read() as connection:
        assert differences(connection) == []


def partitions_of(connection, look):
    """The partitions that a look's SELECTs read."""
    return set(READ.findall(plans_of(connection, look)))


def plans_of(connection, look):
    """How a look's SELECTs are carried out."""
    plans = []

    def explain(_connection, cursor, statement, parameters, _context, _many):
        if statement.startswith(("SELECT", "WITH")):
            cursor.execute(f"EXPLAIN ANALYZE {statement}", parameters)
            plans.extend(row[0] for row in cursor.fetchall() if NEVER not in row[0])

    event.listen(connection, "before_cursor_execute", explain)
    try:
        look(connection)
    finally:
        event.remove(connection, "before_cursor_execute", explain)
    return "\n".join(plans)


def locked(connection):
    """Partitions, and their indexes, that this transaction holds locks of."""
    return connection.exec_driver_sql(
        "SELECT count(DISTINCT relation) FROM pg_locks JOIN pg_class ON oid = relation"
        " WHERE relname LIKE 'record\\_%%' AND pid = pg_backend_pid()"
    ).scalar()


def test_a_look_by_key_touches_one_partition(hall, device, database):
    hall.post(*[device.rating() for _ in range(20)])
    epoch = (device.device, device.epoch)
    keys = [(*epoch, seq) for seq in range(1, 11)]
    looks = [
        lambda connection: ledger.rows(connection, keys),
        lambda connection: ledger.rows(connection, keys[:1]),
        lambda connection: ledger.held_above(connection, epoch, 5, 10),
        lambda connection: ledger.count_between(connection, epoch, 1, 20),
        lambda connection: walk.page(connection, device.device, (*epoch, 2, ""), 10),
    ]
    for look in looks:
        with database.read() as connection:
            assert len(partitions_of(connection, look)) == 1
        with database.read() as connection:
            for _ in range(12):  # the server has thought of a plan for any device, and let it go
                look(connection)
        with database.read() as connection:
            look(connection)
            assert locked(connection) <= 5


def test_the_control_a_look_that_does_not_say_which_device_touches_all(hall, device, database):
    hall.post(device.rating())
    query = "SELECT * FROM record WHERE epoch = ? AND seq = 1"
    with database.read() as connection:
        found = partitions_of(connection, lambda it: sql.run(it, query, (device.epoch,)).all())
        assert len(found) == 64
        assert locked(connection) >= 64


def test_what_a_look_costs_does_not_grow_with_what_is_stored(hall, device, database):
    """Each key is looked for; a plan that joins instead reads all that its devices ever signed."""
    others = [hall.enrol(f"xj-{number:04}") for number in range(12)]
    for pen in others:
        hall.post(*[pen.rating() for _ in range(100)])
    keys = [(pen.device, pen.epoch, 7) for pen in others]
    joined = (
        "SELECT found.* FROM unnest(CAST(? AS text[]), CAST(? AS int[])) wanted (device, epoch)"
        " JOIN record found ON found.device = wanted.device AND found.epoch = wanted.epoch"
        " WHERE found.seq = 7 AND found.device = ANY (?)"
    )
    values = tuple([[*column] for column in list(zip(*keys, strict=True))[:2]])
    with database.read() as connection:
        ours = plans_of(connection, lambda it: ledger.rows(it, keys))
        control = plans_of(connection, lambda it: sql.run(it, joined, (*values, values[0])).all())
        where = connection.exec_driver_sql("SELECT DISTINCT tableoid::regclass::text FROM record")
        assert set(READ.findall(ours)) == set(where.scalars())
        assert len(ledger.rows(connection, keys)) == 12
    assert "Seq Scan" not in ours
    assert "Hash" not in ours
    assert "Seq Scan" in control or "Hash" in control


def test_a_batch_writes_into_one_partition(hall, device, database):
    for _ in range(12):
        hall.post(device.rating())
    hall.is_judged = False  # its transaction is another one
    seen = []

    def look(connection):
        seen.append(locked(connection))

    event.listen(database._writer, "commit", look)
    try:
        hall.post(device.rating())
    finally:
        event.remove(database._writer, "commit", look)
    assert 0 < seen[-1] <= 5


def end_connections(cluster):
    """As a server that is restarted does."""
    engine = create_engine(cluster.url)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    engine.dispose()


@pytest.mark.parametrize("is_quiet", [True, False], ids=["quiet", "control: in use just now"])
def test_a_connection_that_was_quiet_is_asked_whether_it_is_still_there(
    cluster, hall, device, monkeypatch, is_quiet
):
    """The control gets a 503 once: the same request succeeds afterwards."""
    monkeypatch.setattr("central.store.database._QUIET_S", -1.0 if is_quiet else 3600.0)
    hall.post(device.rating())
    end_connections(cluster)
    path, headers = "/v1/records", hall.reader
    assert hall.client.get(path, headers=headers).status_code == (200 if is_quiet else 503)
    assert len(hall.client.get(path, headers=headers).json()["records"]) == 1


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: read committed"])
def test_a_transaction_that_reads_sees_one_state(hall, device, database, is_ours):
    """Else an export, or the figures of a page, would be of several moments."""
    reading = database if is_ours else Database(database._engine)
    if not is_ours:
        reading._reader = database._engine
    with reading.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM record").scalar()
        hall.post(device.rating())
        after = connection.exec_driver_sql("SELECT count(*) FROM record").scalar()
    assert (before == after) == is_ours


def test_of_centres_that_start_together_one_makes_the_tables(cluster):
    url = cluster.make_database("together")
    with ThreadPoolExecutor(3) as threads:
        opened = list(threads.map(open_database, [url] * 3))
    with opened[0].read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM record").scalar() == 0
    for one in opened:
        one.close()


@pytest.mark.parametrize("left", [0, 1])
def test_who_finds_no_connection_free_is_told_to_come_again(hall, database, monkeypatch, left):
    monkeypatch.setattr(database._engine.pool, "_timeout", 0.1)
    with ExitStack() as busy:
        for _ in range(CONNECTIONS - left):
            busy.enter_context(database.read())
        body = encode_batch([])
        assert hall.client.get("/healthz").status_code == (200 if left else 503)
        answer = hall.client.post("/v1/batches", content=body, headers=hall.headers)
        assert answer.status_code == (200 if left else 503)
    assert hall.client.get("/healthz").status_code == 200


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: rolled back"])
def test_what_was_prepared_stays_prepared(hall, device, database, monkeypatch, is_ours):
    """psycopg forgets all of it when a transaction rolls back, so one that only reads commits."""
    if not is_ours:
        monkeypatch.setattr(RootTransaction, "commit", RootTransaction.rollback)
    for _ in range(8):
        with database.read() as connection:
            ledger.rows(connection, [(device.device, device.epoch, 1)])
    with database.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar()
    assert (count > 0) == is_ours


def test_acts_of_several_at_once_are_one_chain(database):
    """Begun together on a database without any: each waits for the one before it."""
    begin = threading.Barrier(4)

    def act(who: int) -> None:
        begin.wait(10)
        for n in range(10):
            with database.write() as connection:
                acts.add(connection, n, f"account:{who}", "session.begin")

    with ThreadPoolExecutor(4) as threads:
        assert [*threads.map(act, range(4))] == [None] * 4
    with database.read() as connection:
        assert [*chain.differences(connection, ACTS_KEY)] == []
        assert acts.head(connection).n == 40
