"""The centre's parts, put together."""

import time

from fastapi import FastAPI

from central.api import create_app
from central.enrolment import Enrolment
from central.intake import Intake
from central.keys import DeviceKeys, read_master_secret
from central.settings import Settings
from central.store.database import Database, open_database


class Centre:
    """One running centre: database, keys, intake, API."""

    def __init__(self, settings: Settings) -> None:
        self.keys = DeviceKeys(read_master_secret(settings.master_secret_file))
        self.database: Database = open_database(settings.database_url)
        self.intake = Intake(self.database, self.keys.key, now_ms)
        self.app: FastAPI = create_app(self.database, self.intake)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()


def open_enrolment(settings: Settings) -> Enrolment:
    """What the commands that add something need; no secret is read."""
    return Enrolment(open_database(settings.database_url), now_ms)


def now_ms() -> int:
    """The centre's clock: epoch milliseconds."""
    return time.time_ns() // 1_000_000
