"""`pingjia` with a gateway whose commits are not durable: SQLite's synchronous=NORMAL."""

from gateway.store import database
from pingjia import app

real_prepare = database._prepare


def prepare(raw, busy_ms):
    real_prepare(raw, busy_ms)
    raw.execute("PRAGMA synchronous=NORMAL")


database._prepare = prepare
app()
