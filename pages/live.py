"""Live parts of pages: server-sent events, bounded listeners, one rendering for all of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable

from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus
from starlette.concurrency import run_in_threadpool

# Streams end by Live.close; cut off by the library, they would log an error at every stop.
AppStatus.disable_automatic_graceful_drain()

_ASK_S = 4.0  # a page that is logged out of, or whose token is revoked, ends so soon
_SHARE = 0.1  # of the time that rendering may take, all parts together
_OLDEST_S = 10.0  # after so long a part is rendered though nothing was seen to change

Seen = Callable[[], Hashable]


class _Part:
    """A part while somebody listens: how many do, and how it was rendered last."""

    def __init__(self) -> None:
        self.listeners = 0
        self.lock = asyncio.Lock()
        self.html = ""
        self.fresh_until_s = float("-inf")
        self.seen: Hashable = None
        self.old_s = float("-inf")


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
        self._parts: dict[str, _Part] = {}
        self._is_over = False
        self._looking = asyncio.Lock()
        self._looked_s, self._seen = float("-inf"), None

    def is_full(self) -> bool:
        """Whether nobody else can listen now."""
        return self._listeners >= self._most

    def stream(
        self,
        key: str,
        render: Callable[[], str],
        may_go_on: Callable[[], Awaitable[bool]] | None = None,
        seen: Seen | None = None,
    ) -> EventSourceResponse:
        """The part as it is now, and then whenever it has changed; `render` runs in a thread.

        key: names what is rendered; listeners with the same key share one rendering. may_go_on:
        asked every few seconds: a login that has ended ends what it opened. seen: cheap; while
        it gives the same, for all parts, a part is rendered every ten seconds only.
        """
        states = self._states(key, render, may_go_on, seen)
        return EventSourceResponse(states, sep="\n", ping=10)

    async def once(self, key: str, render: Callable[[], str], seen: Seen | None = None) -> str:
        """The part as it is now, for who asks again and again where no more can listen; it is
        rendered no more often than for those who do.
        """
        part = self._parts.setdefault(key, _Part())
        html = await self._render(part, render, seen)
        self._drop_stale()
        return html

    def close(self) -> None:
        """End all streams within `every_s`; may be called by any thread."""
        self._is_over = True

    async def _states(
        self,
        key: str,
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
                if html != shown:
                    shown = html
                    yield {"data": html}
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
            began_s = self._now_s()
            if began_s < part.fresh_until_s:
                return part.html
            now_seen = None if seen is None else await self._look(seen)
            if seen is not None and now_seen == part.seen and began_s < part.old_s:
                part.fresh_until_s = began_s + self._every_s * 0.9
                return part.html
            part.html = await run_in_threadpool(render)
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
