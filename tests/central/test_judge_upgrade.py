"""A database of v0.2.0 becomes this one while halls go on sending: nothing is lost or doubled."""

import copy
import json

import pytest
from alembic import command
from central_hall import NOW_MS, PARTITION, Hall, document, verdicts
from sqlalchemy import MetaData, create_engine, insert, inspect, select, text
from sqlalchemy.engine import make_url

from central.audit.verify import audit
from central.migrations import migration_config
from central.ratings.backfill import Backfill
from central.store.database import open_database
from central.store.judged import standings
from protocol.batch import EnvelopeItem, Matter, Progress, ProgressItem

HOUR, DAY = 3_600_000, 86_400_000
SERVICES = 30
NEW = ("decision", "figure", "judge", "judged", "policy_use", "rating", "reasons", "service")
NEW += ("service_project", "standing", "touched")


def send(hall: Hall, pens) -> list[str]:
    """What a hall sent while it was v0.2.0; the names of the services."""
    names = []
    for n in range(SERVICES):
        service, at_ms = f"01S{n:02}", NOW_MS + n * HOUR
        names.append(service)
        matters = (Matter(f"P{n}", 1, "t1", None),) if n % 3 == 0 else ()
        item, name = document(service=service, opened_at_ms=at_ms, matters=matters)
        said = {"service": service, "facts": name, "ticket_no": "A1", "at": at_ms + 1000}
        items = [item]
        if n % 5 != 1:  # a service without document, and one that nobody rated
            items.append(pens[0].rating(level=1 + n % 5, up_ms=n * HOUR, **said))
        if n % 4 == 0:
            codes = {"of": pens[0].seq, "codes": (214,), "up_ms": n * HOUR + 1}
            items.append(pens[0].reasons(at=at_ms + 2000, catalogue=1, **codes))
        if n % 6 == 2:  # a second device at the same service, earlier by its time
            second = {**said, "at": at_ms + 500}
            items.append(pens[1].rating(level=5, up_ms=n * HOUR - 500, **second))
        for what in ("invited", "closed", "finished")[: n % 4]:
            word = Progress("demo", service, what, at_ms + 1500, None, ())
            items.append(ProgressItem(word))
        hall.clock.ms = at_ms + 5000
        items = [
            EnvelopeItem(one, hall.clock.ms, "w1", None, ()) if isinstance(one, str) else one
            for one in items
            if n % 7 != 3 or one is not item  # its document never came
        ]
        assert set(verdicts(hall.post(*items))) <= {"stored"}
    boot = pens[1].boot(pens[1].seq + 1, firmware="0.2.0")
    assert verdicts(hall.post(EnvelopeItem(boot, hall.clock.ms, "w1", None, ()))) == ["stored"]
    return names


def made_old(source, url: str) -> None:
    """The same, as v0.2.0 kept it: without tables of rules, with its own counts and marks."""
    engine = create_engine(url)
    config = migration_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0101")
    old = MetaData()
    old.reflect(engine)
    kept = [
        table
        for name, table in old.tables.items()
        if name not in ("rated", "tally", "alembic_version") and not PARTITION.fullmatch(name)
    ]
    assert not {table.name for table in kept} & set(NEW)
    with source.read() as held, engine.begin() as connection:
        for table in kept:
            rows = held.execute(select(*table.columns)).mappings().all()
            if rows:
                connection.execute(insert(table), [dict(row) for row in rows])
        count = connection.execute(text("SELECT count(*) FROM document")).scalar()
        levels = ", ".join(f"level_{n}" for n in range(1, 6))
        connection.execute(
            text(
                f'INSERT INTO tally (span, hall, "window", services, {levels})'
                f" VALUES (0, 'demo', 'w1', {count}, 1, 2, 3, 4, 5)"
            )
        )
        twice = connection.execute(
            text("SELECT device, epoch, seq, marks FROM record WHERE device = 'xj-0418'")
        ).all()
        for device, epoch, seq, marks in twice:  # what v0.2.0 said of a second rating
            told = json.dumps([*json.loads(marks), "rated_twice"])
            connection.execute(
                text("UPDATE record SET marks = :m WHERE device = :d AND epoch = :e AND seq = :s"),
                {"m": told, "d": device, "e": epoch, "s": seq},
            )
        connection.execute(
            text(
                'INSERT INTO mark_tally (hall, "window", mark, count, first_at_ms, last_at_ms,'
                " device, epoch, seq) VALUES ('demo', 'w1', 'rated_twice', 5, 1, 2, :d, :e, :s)"
            ),
            dict(zip("des", twice[0][:3])),
        )
    engine.dispose()


def counted(hall: Hall):
    """Standings and figures, without what depends on when somebody looked."""
    hall.judge.settle_all()
    with hall.database.read() as connection:
        stands = connection.exec_driver_sql("SELECT * FROM standing").mappings().all()
        figures = connection.exec_driver_sql("SELECT * FROM figure").all()
    return (
        {(one["profile"], one["service"]): dict(one) for one in stands},
        {tuple(row[:8]): tuple(row[8:]) for row in figures if any(row[8:])},
    )


@pytest.fixture(params=["sqlite", pytest.param("pg", marks=pytest.mark.needs("postgresql"))])
def url(request, tmp_path):
    """Of a database that nothing is in."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.db"
        return
    cluster = request.getfixturevalue("cluster")
    engine = create_engine(cluster.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE old"))
        yield make_url(cluster.url).set(database="old").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE old WITH (FORCE)"))
    engine.dispose()


def test_a_database_of_v020_is_taken_in_while_it_serves(tmp_path, url, clock):
    source = open_database(f"sqlite:///{tmp_path}/source.db")
    hall = Hall(tmp_path, "demo", source, clock, profile="ezhou")
    hall.is_judged = False
    pens = [hall.enrol("xj-0417"), hall.enrol("xj-0418")]
    names = send(hall, pens)
    made_old(source, url)

    database = open_database(url)
    upgraded = copy.copy(hall)
    upgraded.serve(database, profile="ezhou")
    with database.read() as connection:
        assert standings.state(connection).backfill == "{}"
        tables = inspect(connection).get_table_names()
        kept = connection.exec_driver_sql('SELECT services FROM "window"').scalar()
        documents = connection.exec_driver_sql("SELECT count(*) FROM document").scalar()
        marks = connection.exec_driver_sql("SELECT mark FROM mark_tally").scalars().all()
    assert not {"rated", "tally"} & set(tables)
    assert kept == documents
    assert upgraded.halls.elsewhere("demo") == []
    assert "rated_twice" not in marks
    assert all("rated_twice" not in row["marks"] for row in upgraded.records())

    # It serves before, while and after it takes in what is there.
    clock.ms += DAY
    backfill = Backfill(database, hall.keys.key)
    said = []
    for n in range(100):
        service = f"02S{n:02}"
        item, name = document(service=service, opened_at_ms=clock.ms - HOUR)
        more = {"service": service, "facts": name, "ticket_no": "A1", "at": clock.ms - HOUR + 9}
        rating = pens[0].rating(up_ms=clock.ms - HOUR - NOW_MS, **more)
        for one in (upgraded, hall):
            answer = one.post(item, EnvelopeItem(rating, clock.ms, "w1", None, ()))
            assert verdicts(answer) == ["stored", "stored"]
            assert answer.receipts
        said.append(service)
        upgraded.judge.settle()
        clock.ms += 60_000
        if not backfill.step():
            break
    assert n > 2, "it was over before anything came"
    with database.read() as connection:
        assert standings.state(connection).backfill is None
        firmware = connection.exec_driver_sql("SELECT firmware FROM device ORDER BY device")
        assert firmware.scalars().all() == [None, "0.2.0"], "of the boots that were there"

    clock.ms += 20 * DAY
    stands, figures = counted(upgraded)
    assert {service for _, service in stands} == {*names, *said}
    expected_stands, expected_figures = counted(hall)
    assert stands == expected_stands
    assert figures == expected_figures
    with database.read() as connection:
        found = list(audit(connection, hall.keys.key, judge=upgraded.judge))
    assert [one.name for one in found if one.name != "facts_missing"] == []
    database.close()
    source.close()
