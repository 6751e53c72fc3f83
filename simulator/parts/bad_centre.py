"""A centre that misbehaves: a small HTTP proxy before the real one, with a manner a test chooses.

Only batches are treated badly; everything else passes. The real centre does its work in every
manner but `error`, `busy` and `away`.
"""

import asyncio
from collections.abc import Callable

GOOD, SLOW, ERROR, BUSY = "good", "slow", "error", "busy"
HALF, LOST, AWAY = "half", "lost", "away"
MANNERS = {
    SLOW: "takes two seconds for every answer",
    ERROR: "answers 500",
    BUSY: "answers 429 with Retry-After: 1",
    HALF: "breaks every answer off in the middle",
    LOST: "commits, and its answer never comes",
    AWAY: "hangs up",
}

_SLOW_S = 2
_REFUSALS = {
    ERROR: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    BUSY: b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
}


class BadCentre:
    """Listens on a loopback port and passes on to another; `manner` may change at any time.

    `treated` counts the batches that were not treated well. `hear`(request, answer) is called with
    the whole bytes of each request that the centre answered, for whoever sniffs the line.
    """

    def __init__(self, port: int, centre_port: int):
        self.manner = GOOD
        self.treated = 0
        self.port = port
        self.hear: Callable[[bytes, bytes], None] = lambda request, answer: None
        self._centre_port = centre_port
        self._calls: set[asyncio.Task] = set()

    async def start(self):
        """Listens."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self):
        """Ends all connections."""
        self._server.close()
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        assert task
        self._calls.add(task)
        try:
            while request := await _read_message(reader):
                if not await self._answer(request, writer):
                    break
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self._calls.discard(task)
            writer.close()

    async def _answer(self, request, writer) -> bool:
        """Answers one request; whether the connection goes on."""
        manner = self.manner if request.startswith(b"POST /v1/batches ") else GOOD
        self.treated += manner != GOOD
        if manner == AWAY:
            return False
        if manner in _REFUSALS:
            writer.write(_REFUSALS[manner])
            await writer.drain()
            return True
        answer = await self._ask_centre(request)
        self.hear(request, answer)
        if manner == LOST:
            return False
        if manner == SLOW:
            await asyncio.sleep(_SLOW_S)
        whole = answer if manner != HALF else answer[: len(answer) - 20]
        writer.write(whole)
        await writer.drain()
        return manner != HALF

    async def _ask_centre(self, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._centre_port)
        try:
            writer.write(request)
            await writer.drain()
            return await _read_message(reader)
        finally:
            writer.close()


async def _read_message(reader) -> bytes:
    """One HTTP/1.1 request or answer with a Content-Length, b"" at the end of the stream."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)
