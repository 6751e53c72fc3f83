"""Live parts of pages: server-sent events, bounded listeners, one rendering for all of them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from sse_starlette import EventSourceResponse
from sse_starlette.sse import AppStatus
from starlette.concurrency import run_in_threadpool

# Streams end by Live.close; cut off by the library, they would log an error at every stop.
AppStatus.disable_automatic_graceful_drain()

_SHARE = 0.1  # of the time that rendering one part may take


class _Rendered(NamedTuple):
    fresh_until_s: float
    html: str


class Live:
    """Sends a rendered part whenever it has changed. Used by one event loop.

    most: listeners at a time. every_s: how often a part is rendered while somebody listens; one
    that takes long is rendered more seldom, so that pages never keep the records waiting.
    """

    def __init__(self, most: int, every_s: float):
        self._most = most
        self._every_s = every_s
        self._listeners = 0
        self._rendered: dict[str, _Rendered] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._is_over = False

    def is_full(self) -> bool:
        """Whether nobody else can listen now."""
        return self._listeners >= self._most

    def stream(self, key: str, render: Callable[[], str]) -> EventSourceResponse:
        """The part as it is now, and then whenever it has changed; `render` runs in a thread.

        key: names what is rendered; listeners with the same key share one rendering.
        """
        return EventSourceResponse(self._parts(key, render), sep="\n", ping=10)

    def close(self) -> None:
        """End all streams within `every_s`; may be called by any thread."""
        self._is_over = True

    async def _parts(self, key: str, render: Callable[[], str]) -> AsyncIterator[dict]:
        if self.is_full():
            return
        self._listeners += 1
        shown = None
        try:
            while not self._is_over:
                html = await self._render(key, render)
                if html != shown:
                    shown = html
                    yield {"data": html}
                await asyncio.sleep(self._every_s)
        finally:
            self._listeners -= 1
            if not self._listeners:
                self._rendered.clear()
                self._locks.clear()

    async def _render(self, key: str, render: Callable[[], str]) -> str:
        async with self._locks.setdefault(key, asyncio.Lock()):
            kept = self._rendered.get(key)
            began_s = time.monotonic()
            if kept is None or began_s >= kept.fresh_until_s:
                html = await run_in_threadpool(render)
                took_s = time.monotonic() - began_s
                fresh_s = max(self._every_s * 0.9, took_s / _SHARE)
                kept = self._rendered[key] = _Rendered(began_s + fresh_s, html)
        return kept.html
