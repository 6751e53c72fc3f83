"""`pingjia` whose centre notes in `steps.centre` when a rating passes its steps."""

import sys
import threading
from contextlib import contextmanager
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[2])  # not this folder, whose names are other packages'

from bench.steps.notes import Door, Notes  # noqa: E402
from central.custody import intake  # noqa: E402
from central.store.database import Database  # noqa: E402
from hosting.server import Server  # noqa: E402
from pingjia import app  # noqa: E402

notes = Notes(Path("steps.centre"))
file_batches, write, init = intake.file_batches, Database.write, Server.__init__
filed = threading.local()  # the ratings of this thread's transaction


def noted_file_batches(connection, offers, *more, **named):
    filed.ratings = [
        record.row.envelope.split(b"\n")[1][:16].decode()
        for offer in offers
        for record in offer.records
    ]
    notes.note("filing", filed.ratings)
    return file_batches(connection, offers, *more, **named)


@contextmanager
def noted_write(self):
    filed.ratings = []
    with write(self) as connection:
        yield connection
    if filed.ratings:
        notes.note("durable", filed.ratings)


def noted_init(self, app, **more):
    init(self, Door(app, notes), **more)


intake.file_batches, Database.write, Server.__init__ = noted_file_batches, noted_write, noted_init
app()
