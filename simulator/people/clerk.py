"""The clerks of a window: one of the two sits there (A/B 岗), pauses, and may be relieved."""

import asyncio
import random
from collections import Counter

from simulator.web import QueueSystem, WebError

_NAMES = (
    *("王芳", "李强", "张敏", "刘洋", "陈静", "杨磊", "赵丽", "黄涛"),
    *("周红", "吴军", "徐静", "孙伟", "马丽", "朱涛", "胡洋", "郭强"),
)


class Clerks:
    """The two clerks of a window, the `number`-th of the hall, counted from 0.

    counts: where calls that the gateway refused (`refused`) and clerks whose place another took
    (`relieved`) are counted. pace: how much slower than usual they are. `present` is the name of
    who sits there, "" during a pause.
    """

    def __init__(
        self,
        queue: QueueSystem,
        window: str,
        number: int,
        counts: Counter[str],
        chance: random.Random,
        pace: float,
    ):
        names = (_NAMES[(2 * number + post) % len(_NAMES)] for post in (0, 1))
        self._posts = [(f"{number + 1:03}{post}", name) for post, name in zip("AB", names)]
        self._queue = queue
        self._window = window
        self._counts = counts
        self._chance = chance
        self._pace = pace
        self.present = ""

    async def sit_down(self):
        """The first of the two is there."""
        await self._say("in")

    async def relieve(self):
        """A pause; afterwards the same one goes on, or the other takes over."""
        await self._say("pause")
        await asyncio.sleep(self._chance.uniform(0.3, 1) * self._pace)
        if self._chance.random() < 0.5:
            self._posts.reverse()
            self._counts["relieved"] += 1
        await self._say("in")

    async def _say(self, presence):
        staff_no, name = self._posts[0]
        try:
            await self._queue.set_staff(self._window, presence, staff_no, name)
        except WebError:
            self._counts["refused"] += 1
        self.present = name if presence == "in" else ""
