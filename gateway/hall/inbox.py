"""What waits for the custody thread: messages from the broker, and what must be said to devices.

Bounded: when it is full, the broker's connection is not read any more, so the pressure goes back
to the broker and from there to the devices. Next on a rating's way: gateway/hall/custody.py.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.broker.mqtt import Message
from protocol.hall import Hall
from protocol.message import Find

_QUIET_S = 0.003  # once nothing has come for so long, there is time to say something
_LATEST_S = 0.05


@dataclass
class Wanted:
    """What is to be said, by device. recounts: whose `hall` may have to go down.

    former: pairs of hall documents, before and after a change. finds: who shall blink.
    """

    acks: set[str] = field(default_factory=set)
    recounts: set[str] = field(default_factory=set)
    tickets: set[str] = field(default_factory=set)
    clocks: set[str] = field(default_factory=set)
    finds: dict[str, Find] = field(default_factory=dict)
    former: list[tuple[Hall, Hall]] = field(default_factory=list)
    is_everything: bool = False

    def __bool__(self) -> bool:
        return self != Wanted()


class Inbox:
    """One consumer, any number of producers; wishes for the same device are merged."""

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._changed = threading.Condition()
        self._messages: list[Message] = []
        self._wanted = Wanted()
        self._wanted_since_s = 0.0
        self._is_closed = False

    def put(self, message: Message) -> None:
        """Add a message; waits while the inbox is full.

        After `close` it is let fall unacknowledged: the broker delivers it to the next start.
        """
        with self._changed:
            while len(self._messages) >= self._capacity and not self._is_closed:
                self._changed.wait()
            if not self._is_closed:
                self._messages.append(message)
                if len(self._messages) == 1:  # else the consumer is awake, or knows already
                    self._changed.notify_all()

    def want(
        self,
        acks: Iterable[str] = (),
        recounts: Iterable[str] = (),
        tickets: Iterable[str] = (),
        clocks: Iterable[str] = (),
        finds: Iterable[tuple[str, Find]] = (),
        former: Iterable[tuple[Hall, Hall]] = (),
        is_everything: bool = False,
    ) -> None:
        """Ask for something to be said, from what the database holds when it is said."""
        with self._changed:
            if not self._wanted:
                self._wanted_since_s = time.monotonic()
            self._wanted.acks.update(acks)
            self._wanted.recounts.update(recounts)
            self._wanted.tickets.update(tickets)
            self._wanted.clocks.update(clocks)
            self._wanted.finds.update(finds)
            self._wanted.former.extend(former)
            self._wanted.is_everything = self._wanted.is_everything or is_everything
            self._changed.notify_all()

    def take(self, timeout_s: float) -> tuple[list[Message], Wanted]:
        """All messages, oldest first, and what is to be said; waits up to `timeout_s` for either.

        What is to be said waits while messages come, but not for long: one interpreter cannot talk
        to devices and at the same time send upward what was just committed.
        """
        with self._changed:
            self._changed.wait_for(self._has_something, timeout_s)
            if self._wanted:
                self._changed.wait_for(lambda: bool(self._messages or self._is_closed), _QUIET_S)
            messages, self._messages = self._messages, []
            wanted = Wanted()
            if not messages or time.monotonic() - self._wanted_since_s >= _LATEST_S:
                wanted, self._wanted = self._wanted, wanted
            self._changed.notify_all()
        return messages, wanted

    def take_wanted(self, timeout_s: float) -> Wanted:
        """What is to be said; waits up to `timeout_s` for it. The messages stay."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._wanted or self._is_closed), timeout_s)
            wanted, self._wanted = self._wanted, Wanted()
        return wanted

    def __len__(self) -> int:
        return len(self._messages)

    def close(self) -> None:
        """Let waiting producers go."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_something(self) -> bool:
        return bool(self._messages or self._wanted or self._is_closed)
