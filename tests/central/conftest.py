"""Fixtures of the centre's tests."""

import pytest
from central_hall import Clock, Hall

from central.store.database import open_database


@pytest.fixture
def clock():
    """A clock that only the test moves."""
    return Clock()


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path}/central.db")
    yield opened
    opened.close()


@pytest.fixture
def hall(tmp_path, database, clock):
    return Hall(tmp_path, "demo", database, clock)


@pytest.fixture
def other_hall(tmp_path, database, clock, hall):
    return Hall(tmp_path, "other", database, clock)


@pytest.fixture
def device(hall):
    return hall.enrol("xj-0417")
