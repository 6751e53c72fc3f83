"""Items that the centre answers 500 to, each in a batch of its own.

A batch that is answered 500 is halved until the guilty item travels alone (BAT-6); from then on it
stays here and is offered by itself, so that nothing waits behind it. Next to it:
gateway/upward/forwarder.py, whose lanes halve.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from gateway.keep.alarms import Alarms
from gateway.upward.batch import Batch, Key

_NAMED = 5  # items in the alarm's sentence


@dataclass
class _Item:
    batch: Batch
    due_s: float
    failures: int = 1
    is_guilty: bool = False  # it failed again after the centre had taken something else


class Alone:
    """The items that travel alone. Used by the threads of both lanes.

    Pauses between two offers double from first_s to longest_s. What fails while the centre takes
    other things is guilty, and an alarm names it; before that it was perhaps the centre's fault,
    so it is offered again as soon as anything has been taken.
    """

    def __init__(
        self, alarms: Alarms, first_s: float, longest_s: float, monotonic_s: Callable[[], float]
    ):
        self._alarms = alarms
        self._first_s = first_s
        self._longest_s = longest_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._items: dict[Key, _Item] = {}
        self._has_worked = False  # since an item was put here last

    def __len__(self) -> int:
        return len(self._items)

    def has(self, key: Key) -> bool:
        """Whether no other batch may take this item."""
        return key in self._items

    def put(self, batch: Batch) -> None:
        """A batch of one item was answered 500."""
        key = batch.sent()[0].key
        with self._lock:
            item = self._items.setdefault(key, _Item(batch, 0, failures=0))
            pause_s = min(self._first_s * 2 ** min(item.failures, 30), self._longest_s)
            item.failures += 1
            item.due_s = self._monotonic_s() + pause_s
            item.is_guilty = item.is_guilty or (item.failures > 1 and self._has_worked)
            self._has_worked = False
            self._report()

    def renew(self, batch: Batch) -> None:
        """An item that travels alone says something newer: a device's head. It is as guilty."""
        with self._lock:
            item = self._items.get(batch.sent()[0].key)
            if item is not None:
                item.batch = batch

    def take_due(self) -> Batch | None:
        """The batch of an item that is due; not due again before its answer, or a long pause."""
        now_s = self._monotonic_s()
        with self._lock:
            for item in self._items.values():
                if item.due_s <= now_s:
                    item.due_s = now_s + self._longest_s
                    return item.batch.again()
        return None

    def note_answer(self, batch: Batch) -> None:
        """The centre has answered a batch with its verdicts."""
        with self._lock:
            if not self._items:
                return
            for one in batch.sent():
                self._items.pop(one.key, None)
            for item in self._items.values():
                if not item.is_guilty:
                    item.due_s = self._monotonic_s()
            self._has_worked = True
            self._report()

    def _report(self) -> None:
        guilty = [item.batch.sent()[0].name for item in self._items.values() if item.is_guilty]
        if not guilty:
            self._alarms.clear("guilty")
            return
        more = f" and {len(guilty) - _NAMED} more" if len(guilty) > _NAMED else ""
        self._alarms.set(
            "guilty",
            f"The centre fails (500) on {', '.join(guilty[:_NAMED])}{more}, and takes everything "
            "else. It stays here and is offered again, alone. Tell the centre's operators.",
        )
