"""Whether anything was judged since: PostgreSQL tells it to every process that listens, on SQLite
a look at one row does.
"""

import logging
from collections.abc import Callable, Hashable
from contextlib import ExitStack

from sqlalchemy import Connection

from central.store.database import Database
from central.store.judged import standings
from hosting.worker import Worker

log = logging.getLogger(__name__)

_CHANNEL = "pingjia_judged"
_WAIT_S = 1.0
_AFTER_FAILURE_S = 5.0


def tell(connection: Connection) -> None:
    """Tell those who listen, once this transaction is durable, that something was judged."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {_CHANNEL}")


class Changes:
    """`seen` is another value whenever something was judged since it was asked for. Between
    `start` and `close` PostgreSQL is listened to; otherwise, and on SQLite, each `seen` looks.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._told = 0
        self._wait: Callable[[float], bool] | None = None
        self._open = ExitStack()
        self._worker = Worker("changes", self._listen, _AFTER_FAILURE_S)

    def start(self) -> None:
        """Begin to listen."""
        if self._database.can_listen:
            self._worker.start()

    def close(self) -> None:
        """End it."""
        self._worker.ask_to_stop()
        self._worker.join()
        self._stop_listening()

    def seen(self) -> Hashable:
        """What stands for all that was judged until now."""
        if self._wait is not None:
            return "told", self._told
        with self._database.read() as connection:
            state = standings.state(connection)
        return "looked", state.turn, state.directory

    def _listen(self) -> None:
        try:
            if self._wait is None:
                self._wait = self._open.enter_context(self._database.listening(_CHANNEL))
                self._told += 1  # for what came before
            self._told += self._wait(_WAIT_S)
        except Exception:
            self._stop_listening()
            raise

    def _stop_listening(self) -> None:
        self._wait = None
        self._open.close()
