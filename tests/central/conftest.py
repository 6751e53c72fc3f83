"""Fixtures of the centre's tests."""

import pytest
from central_hall import Clock, Hall
from empty_file import ACTS_KEY, central_in
from postgresql import Cluster
from two_clocks import Machine

from central.store.database import open_database
from central.store.tables import metadata

# What a batch does, and what is counted: on both databases.
_ON_BOTH = {
    "test_central_alarms",
    "test_central_approval",
    "test_central_batches",
    "test_central_chain",
    "test_central_clone",
    "test_central_columns",
    "test_central_copies",
    "test_central_device_settings",
    "test_central_endings",
    "test_central_group",
    "test_central_moments",
    "test_central_revocation",
    "test_central_roles",
    "test_central_timekeeper",
    "test_central_urls",
    "test_judge_fire",
    "test_judge_time",
    "test_judge_turns",
}
_ON_POSTGRESQL = {
    "test_central_feed",
    "test_central_locks",
    "test_central_postgresql",
    "test_judge_two",
}
_judge = metadata.tables["judge"]  # has a row from the start
_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]


def pytest_generate_tests(metafunc):
    if "database" not in metafunc.fixturenames:
        return
    if metafunc.module.__name__ in _ON_BOTH:
        metafunc.parametrize("database", _DATABASES, indirect=True)
    elif metafunc.module.__name__ in _ON_POSTGRESQL:
        metafunc.parametrize("database", _DATABASES[1:], indirect=True)


@pytest.fixture
def clock():
    """A clock that only the test moves."""
    return Clock()


@pytest.fixture
def machine():
    """The clocks of a centre's machine, which a test sets."""
    return Machine()


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL of this run."""
    with Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def on_postgresql(cluster):
    """The centre's database on it, and the judge's row as it begins."""
    opened = open_database(cluster.url)
    opened.sign_acts(ACTS_KEY)
    with opened.read() as connection:
        begun = connection.execute(_judge.select()).mappings().all()
    yield opened, begun
    opened.close()


@pytest.fixture
def database(request, tmp_path):
    """An empty database: SQLite, and in some modules PostgreSQL, too."""
    if getattr(request, "param", "") == "postgresql":
        opened, begun = request.getfixturevalue("on_postgresql")
        _empty(opened, begun)
        yield opened
    else:
        opened = central_in(tmp_path)
        yield opened
        opened.close()


def _empty(database, begun):
    """Only what a test has used, row by row: truncating makes new files of table and indexes."""
    looks = [
        f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM \"{name}\")" for name in metadata.tables
    ]
    with database.write() as connection:
        used = set(connection.exec_driver_sql(" UNION ALL ".join(looks)).scalars())
        numbered = connection.exec_driver_sql(
            "SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL"
        ).scalars()
        for table in reversed(metadata.sorted_tables):
            if table.name in used:
                connection.execute(table.delete())
        for name in numbered:
            connection.exec_driver_sql(f'ALTER SEQUENCE "{name}" RESTART')
        connection.execute(_judge.insert(), begun)


@pytest.fixture
def hall(tmp_path, database, clock):
    return Hall(tmp_path, "demo", database, clock)


@pytest.fixture
def other_hall(tmp_path, database, clock, hall):
    return Hall(tmp_path, "other", database, clock)


@pytest.fixture
def device(hall):
    return hall.enrol("xj-0417")
