"""Who calls at a window where real people touch the device: one ticket after the other."""

import asyncio
import itertools

from simulator.web import QueueSystem, WebError

_STAFF = "9001", "周敏"
_SERVED_S = 3.0
_LOOK_S = 1.0
_PAUSE_S = 2.0


class Attendant:
    """Serves, invites, waits until it is rated or the invitation is over, and closes."""

    def __init__(self, queue: QueueSystem, window: str):
        self._queue = queue
        self._window = window

    async def run(self):
        """Goes on until it is cancelled; nobody is called while the device is not connected."""
        for number in itertools.count(1):
            try:
                while await self._face() != "standby":
                    await asyncio.sleep(_LOOK_S)
                await self._serve(f"K{number:03}")
            except WebError:
                await asyncio.sleep(_PAUSE_S)  # the gateway is away

    async def _face(self):
        """What the device shows, "" while it is not connected."""
        devices = await self._queue.devices()
        mine = [one for one in devices if one["window"] == self._window and one["online"]]
        return mine[0]["said"]["face"] if mine and mine[0]["said"] else ""

    async def _serve(self, ticket_no):
        await self._queue.set_staff(self._window, "in", *_STAFF)
        matter = {"project_no": f"370100-{ticket_no}", "task_name": "身份证换领"}
        opening = {"ticket_no": ticket_no, "kind": "single", "matters": [matter]}
        service = (await self._queue.open(self._window, opening))["service"]
        await asyncio.sleep(_SERVED_S)
        await self._queue.invite(service)
        while (await self._queue.get(service))["outcome"] == "not_rated":
            await asyncio.sleep(_LOOK_S)
        while await self._face() in ("thanking", "asking"):  # the next ticket would end it
            await asyncio.sleep(_LOOK_S)
        await self._queue.close(service)
