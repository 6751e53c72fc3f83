"""Finding a device in the hall: it blinks when somebody asks for it (FND-1)."""

from gateway.desk.services import ConflictError, NoSuchError
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.hall.presence import CONNECTED, Presence
from gateway.store import states
from gateway.store.database import Database
from protocol.message import Find


class Finder:
    """Asks devices to blink. Nothing is kept: who is not connected now is not asked later."""

    def __init__(self, database: Database, book: HallBook, inbox: Inbox, presence: Presence):
        self._database = database
        self._book = book
        self._inbox = inbox
        self._presence = presence

    def find(self, device: str, seconds: int) -> None:
        """Let the device blink for so long.

        Raises NoSuchError; ConflictError for a device that is not connected.
        """
        bound = self._book.devices.get(device)
        if bound is None or bound.revoked:
            raise NoSuchError(f"The hall has no device {device[:64]}")
        with self._database.read() as connection:
            said = states.get(connection, device)
        if self._presence.state_of(device, said) not in CONNECTED:
            raise ConflictError(f"{device} is not connected: look at its power and its network")
        self._inbox.want(finds=[(device, Find(seconds))])
