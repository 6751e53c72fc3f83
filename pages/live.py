"""Live parts of pages: server-sent events, bounded listeners, one rendering for all of them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from difflib import SequenceMatcher

from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus
from starlette.concurrency import run_in_threadpool

# Streams end by Live.close; cut off by the library, they would log an error at every stop.
AppStatus.disable_automatic_graceful_drain()

_ASK_S = 4.0  # a page that is logged out of, or whose token is revoked, ends so soon
_SHARE = 0.1  # of the time that rendering may take, all parts together
_OLDEST_S = 10.0  # after so long a part is rendered though nothing was seen to change

Seen = Callable[[], Hashable]


Key = tuple[str, str]  # the path of a part, and what else makes it differ


class _Part:
    """A part while somebody listens: how many do, and how it was rendered last. renewals: how
    often it was told to be out of date.
    """

    def __init__(self) -> None:
        self.listeners = 0
        self.renewals = 0
        self.lock = asyncio.Lock()
        self.html = ""
        self._changed = ("", "", "")  # from what, to what, and how: listeners share it
        self.fresh_until_s = float("-inf")
        self.seen: Hashable = None
        self.old_s = float("-inf")

    def change(self, shown: str) -> str:
        """How somebody who has `shown` comes to what is rendered now: `change_of`."""
        if self._changed[:2] != (shown, self.html):
            self._changed = (shown, self.html, change_of(shown, self.html))
        return self._changed[2]


def change_of(before: str, after: str) -> str:
    """JSON: [from, to, lines] of each run of lines that is another now, the last one first; so
    each can be put in its place one after the other (static/pages.js).
    """
    old, new = before.split("\n"), after.split("\n")
    first, last = 0, 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    middle, other = old[first : len(old) - last], new[first : len(new) - last]
    found = [
        (first + begin, first + end, other[as_from:as_to])
        for what, begin, end, as_from, as_to in SequenceMatcher(None, middle, other).get_opcodes()
        if what != "equal"
    ]
    return json.dumps(found[::-1], ensure_ascii=False, separators=(",", ":"))


class Live:
    """Sends a rendered part whenever it has changed. Used by one event loop.

    most: listeners at a time. every_s: how often a part is rendered while somebody listens; one
    that takes long is rendered more seldom, and the more so the more parts are listened to, so
    that pages never keep the records waiting. now_s: a monotonic clock.
    """

    def __init__(self, most: int, every_s: float, now_s: Callable[[], float] = time.monotonic):
        self._most = most
        self._every_s = every_s
        self._now_s = now_s
        self._listeners = 0
        self._parts: dict[Key, _Part] = {}
        self._is_over = False
        self._looking = asyncio.Lock()
        self._looked_s, self._seen = float("-inf"), None

    def is_full(self) -> bool:
        """Whether nobody else can listen now."""
        return self._listeners >= self._most

    def stream(
        self,
        key: Key,
        render: Callable[[], str],
        may_go_on: Callable[[], Awaitable[bool]] | None = None,
        seen: Seen | None = None,
    ) -> EventSourceResponse:
        """The part as it is now, and whenever it has changed what is another; `render` runs in a
        thread.

        key: names what is rendered; listeners with the same key share one rendering. may_go_on:
        asked every few seconds: a login that has ended ends what it opened. seen: cheap; while
        it gives the same, for all parts, a part is rendered every ten seconds only.
        """
        states = self._states(key, render, may_go_on, seen)
        return EventSourceResponse(states, sep="\n", ping=10)

    async def once(self, key: Key, render: Callable[[], str], seen: Seen | None = None) -> str:
        """The part as it is now, for who asks again and again where no more can listen; it is
        rendered no more often than for those who do.
        """
        part = self._parts.setdefault(key, _Part())
        html = await self._render(part, render, seen)
        self._drop_stale()
        return html

    def renew(self, path: str) -> None:
        """What is rendered of this path, or being rendered now, is out of date."""
        for (of_path, _), part in self._parts.items():
            if of_path == path:
                part.renewals += 1
                part.fresh_until_s = part.old_s = float("-inf")

    def close(self) -> None:
        """End all streams within `every_s`; may be called by any thread."""
        self._is_over = True

    async def _states(
        self,
        key: Key,
        render: Callable[[], str],
        may_go_on: Callable[[], Awaitable[bool]] | None,
        seen: Seen | None,
    ) -> AsyncIterator[dict]:
        if self.is_full():
            return
        part = self._parts.setdefault(key, _Part())
        self._listeners += 1
        part.listeners += 1
        shown = None
        asked_s = self._now_s()
        try:
            while not self._is_over:
                if may_go_on is not None and self._now_s() - asked_s >= _ASK_S:
                    asked_s = self._now_s()
                    if not await may_go_on():
                        break
                html = await self._render(part, render, seen)
                if shown is None:
                    yield {"data": html}
                elif html != shown:
                    yield {"event": "change", "data": part.change(shown)}
                shown = html
                await asyncio.sleep(self._every_s)
        finally:
            self._listeners -= 1
            part.listeners -= 1
            self._drop_stale()

    def _drop_stale(self) -> None:
        """Forget what nobody listens to, once it would be rendered anew for who asks."""
        now_s = self._now_s()
        for key, part in list(self._parts.items()):
            is_idle = not part.listeners and not part.lock.locked()
            if is_idle and (self._is_over or now_s >= part.fresh_until_s):
                del self._parts[key]

    async def _render(self, part: _Part, render: Callable[[], str], seen: Seen | None) -> str:
        async with part.lock:
            while (began_s := self._now_s()) >= part.fresh_until_s:
                renewals = part.renewals
                now_seen = None if seen is None else await self._look(seen)
                if seen is not None and now_seen == part.seen and began_s < part.old_s:
                    part.fresh_until_s = began_s + self._every_s * 0.9
                    break
                part.html = await run_in_threadpool(render)
                if renewals != part.renewals:
                    continue
                took_s = self._now_s() - began_s
                rest_s = took_s / _SHARE * len(self._parts)
                part.seen, part.old_s = now_seen, began_s + _OLDEST_S
                part.fresh_until_s = began_s + max(self._every_s * 0.9, rest_s)
            return part.html

    async def _look(self, seen: Seen) -> Hashable:
        """One look for all parts that ask at the same time."""
        async with self._looking:
            now_s = self._now_s()
            if now_s >= self._looked_s + self._every_s * 0.9:
                self._looked_s, self._seen = now_s, await run_in_threadpool(seen)
        return self._seen
