"""Pages that take long: rendered once for all who look at the same one with the same rights."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

LONG_S = 1.0  # what is rendered faster is rendered anew for each: none shows what was so before
_TIMES = 10  # as long as this many renderings one is kept: they take a tenth of a core at most
_MOST_S = 30.0
_MOST = 64  # pages that are kept


class _Page:
    """A rendering, and until when it is shown; who wants the same page waits for the lock."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.html = ""
        self.until_s = float("-inf")


class Shared:
    """Used by one event loop. now_s: a monotonic clock."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._pages: OrderedDict[str, _Page] = OrderedDict()

    async def page(self, key: str, render: Callable[[], str]) -> str:
        """The page of this key; `render` runs in a thread. One that took long is shown for ten
        times as long, half a minute at most.
        """
        page = self._pages.setdefault(key, _Page())
        self._pages.move_to_end(key)
        if len(self._pages) > _MOST:
            self._pages.popitem(last=False)
        async with page.lock:
            began_s = self._now_s()
            if began_s >= page.until_s:
                page.html = await run_in_threadpool(render)
                took_s = self._now_s() - began_s
                kept_s = min(took_s * _TIMES, _MOST_S) if took_s >= LONG_S else 0.0
                page.until_s = began_s + took_s + kept_s
            return page.html
