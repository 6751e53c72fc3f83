"""The plugs that somebody who watches a hall may pull: a device, the broker, the gateway, the
centre. What is pulled dies as if its power went, and gets it back a little later.
"""

import asyncio
import random
from collections.abc import Callable

from simulator.parts.run import Run

PARTS = (DEVICE, BROKER, GATEWAY, CENTRE) = ("device", "broker", "gateway", "centre")


class Plugs:
    """Of the parts of `run`; apart_s: how long a part stays without power.

    `out` {part: its name} is what is without power or still starting. say(text) is told when
    something goes, and when it is there again.
    """

    def __init__(self, run: Run, seed: int, say: Callable[[str], None], apart_s: float = 3):
        self.out: dict[str, str] = {}
        self._run = run
        self._chance = random.Random(seed)
        self._say = say
        self._apart_s = apart_s
        self._pulls: list[asyncio.Task] = []

    def pull(self, part: str):
        """Pulls one part's plug; a part that is out already stays as it is."""
        is_embedded = self._run.hall.mosquitto is None  # the broker is the gateway's child then
        parts = [GATEWAY, BROKER] if part == GATEWAY and is_embedded else [part]
        if self.out.keys() & parts:
            return
        device = self._chance.choice(sorted(self._run.hall.folders)) if part == DEVICE else ""
        self.out.update((name, device or name) for name in parts)
        name = " + ".join(self.out[part] for part in parts)
        self._say(f"拔掉 {name} loses its power (kill -9)")
        self._pulls.append(asyncio.create_task(self._pull(parts, device, name)))

    async def until_all_in(self):
        """Returns when everything has its power again. Raises what kept a part from starting."""
        await asyncio.gather(*self._pulls)

    async def _pull(self, parts, device, name):
        run, part = self._run, parts[0]
        if part == DEVICE:
            await run.fleet.kill(device)
            await asyncio.sleep(self._apart_s)
            await run.switch_on(device)
        elif part == BROKER:
            await run.hall.kill_broker()
            await asyncio.sleep(self._apart_s if run.hall.mosquitto else 0)
            await run.hall.start_broker()
        else:
            process = run.hall.gateway if part == GATEWAY else run.hall.centre
            await process.kill()
            await asyncio.sleep(self._apart_s)
            await process.start()
        for part in parts:
            del self.out[part]
        self._say(f"恢复 {name} is there again")
