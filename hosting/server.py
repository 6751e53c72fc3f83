"""An HTTP server on a listener of ours, with bounds for those who only connect."""

import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_HEAD_BYTES = 64 * 1024  # of a request before its body, as h11 has it; httptools has no bound
_TICKS = 150  # of 0.1 s


class Server(uvicorn.Server):
    """Serves `app` until `should_exit`; run it on listeners from hosting.listener.

    connections: at a time; who comes after them is hung up on, and those who are there are served
    (uvicorn's `limit_concurrency` would refuse these, too). Who has not asked for anything 15 to
    30 s after connecting, or has begun to ask and not ended, is hung up on.
    on_ready: called once it takes requests. before_stop: ends the answers that have no end of
    their own; then what is in progress gets `stop_s` seconds. more: uvicorn's own settings.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        connections: int,
        on_ready: Callable[[], None] = lambda: None,
        before_stop: Callable[[], None] = lambda: None,
        stop_s: int = 5,
        **more: Any,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=_bounded(connections),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=stop_s,
            **more,
        )
        super().__init__(config)
        self._on_ready = on_ready
        self._before_stop = before_stop
        self._mute: dict[Any, Any] = {}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what has no end, and then the server."""
        self._before_stop()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Hang up on those who were mute at the look before, too."""
        if counter % _TICKS == 0:
            here: Any = self.server_state.connections
            mute = {one: one.cycle for one in here if _is_mute(one)}
            for one, cycle in mute.items():
                # With the same request behind it: none came between the two looks.
                if one in self._mute and self._mute[one] is cycle:
                    one.transport.abort()
            self._mute = mute
        return await super().on_tick(counter)

    def end(self) -> None:
        """End soon; may be called by any thread, and by a signal's handler."""
        self.should_exit = True


def _is_mute(connection: Any) -> bool:
    """Whether it owes us a request: its first, or one that it has begun after an answer."""
    cycle = connection.cycle
    if cycle is None:
        return True
    return cycle.response_complete and connection.timeout_keep_alive_task is None


def _bounded(connections: int) -> type[Any]:
    """uvicorn's protocol, httptools' or h11's, with bounds."""

    protocol: Any = AutoHTTPProtocol

    class Bounded(protocol):
        _head_bytes: int | None = None  # of a head that is not complete, but the first piece
        _begins = False  # whether the piece that is read has a head's beginning

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > connections:
                transport.abort()

        def data_received(self, data: bytes) -> None:
            self._begins = False
            super().data_received(data)
            if self._head_bytes is not None and not self._begins:
                self._head_bytes += len(data)
                if self._head_bytes > _HEAD_BYTES:
                    self.transport.abort()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._head_bytes, self._begins = 0, True

        def on_headers_complete(self) -> None:
            self._head_bytes = None
            super().on_headers_complete()

    return Bounded
