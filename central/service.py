"""The centre's parts, put together."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from central import technician
from central.alarms import Limits
from central.api import create_app
from central.callers import bearer_of
from central.enrolment import Enrolment
from central.figures import FiguresReader
from central.intake import Intake
from central.keys import DeviceKeys, read_master_secret
from central.pages import create_site
from central.profile import load_profile
from central.settings import Settings
from central.store.database import Database, open_database


class Centre:
    """One running centre: database, keys, intake, figures, API, pages."""

    def __init__(self, settings: Settings) -> None:
        self.keys = DeviceKeys(read_master_secret(settings.master_secret_file))
        self.database: Database = open_database(settings.database_url)
        self.intake = Intake(self.database, self.keys.key, now_ms)
        limits = Limits(
            settings.gap_alarm_s * 1000,
            settings.silent_device_s * 1000,
            settings.silent_hall_s * 1000,
        )
        profile = load_profile(settings.profile)
        self.figures = FiguresReader(self.database, profile, now_ms, limits)
        self.app: FastAPI = create_app(self.database, self.intake, self.figures, self.keys.key)
        bearer = bearer_of(self.database)
        self.app.include_router(
            technician.create_router(self.database, self.intake, self.keys.key, now_ms, bearer)
        )
        self.site = create_site(self.database, self.figures)
        self.site.install(self.app)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


@contextmanager
def open_enrolment(settings: Settings) -> Iterator[Enrolment]:
    """What the commands that add something need; no secret is read."""
    database = open_database(settings.database_url)
    try:
        yield Enrolment(database, now_ms)
    finally:
        database.close()


def now_ms() -> int:
    """The centre's clock: epoch milliseconds."""
    return time.time_ns() // 1_000_000
