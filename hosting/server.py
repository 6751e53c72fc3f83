"""An HTTP server on a listener of ours, with bounds for those who only connect."""

import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_HEAD_BYTES = 64 * 1024  # of a request before its body, as h11 has it; httptools has no bound
_PIPELINED = 32  # requests that wait on a connection; who asks for more is hung up on
_TICKS = 150  # of 0.1 s
_BEAT_TICKS = 30


class Server(uvicorn.Server):
    """Serves `app` until `should_exit`; run it on listeners from hosting.listener.

    connections: at a time. Who comes after them takes the place of the one that has been there
    longest without having asked for anything, or else has been quiet longest without a token, or
    is hung up on if there is none: strangers shut nobody out (uvicorn's `limit_concurrency` would
    refuse those who are served). A token that is not good must be answered with `Connection:
    close` (hosting/problem.py).
    Who has not asked for anything 15 to 30 s after connecting, has begun to ask and not ended, or
    reads nothing of an answer, is hung up on.
    on_ready: called once it takes requests. on_beat: every 3 s while they are answered; from its
    event loop, so not if that is stuck. before_stop: ends the answers that have no end of
    their own; then what is in progress gets `stop_s` seconds. message_bytes: of a WebSocket's
    message; 0: there are no WebSockets. more: uvicorn's own settings.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        connections: int,
        on_ready: Callable[[], None] = lambda: None,
        on_beat: Callable[[], None] = lambda: None,
        before_stop: Callable[[], None] = lambda: None,
        stop_s: int = 5,
        message_bytes: int = 0,
        **more: Any,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=_bounded(connections),
            ws="websockets-sansio" if message_bytes else "none",
            ws_max_size=message_bytes,
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=stop_s,
            **more,
        )
        super().__init__(config)
        self._on_ready, self._on_beat = on_ready, on_beat
        self._before_stop = before_stop
        self._stuck: dict[Any, Any] = {}

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
        """Beat; hang up on those who stood at the same place at the look before, too."""
        if counter % _BEAT_TICKS == 0:
            self._on_beat()
        if counter % _TICKS == 0:
            here: Any = self.server_state.connections
            stuck = {one: place for one in here if (place := _stuck_at(one)) is not None}
            for one, place in stuck.items():
                if self._stuck.get(one) == place:
                    one.transport.abort()
            self._stuck = stuck
        return await super().on_tick(counter)

    def use_certificate(self) -> None:
        """Its files hold another one; may be called by any thread, and connections stay."""
        config = self.config
        if config.is_ssl and config.loaded and config.ssl is not None:
            config.ssl.load_cert_chain(str(config.ssl_certfile), config.ssl_keyfile)

    def end(self) -> None:
        """End soon; may be called by any thread, and by a signal's handler."""
        self.should_exit = True


def _stuck_at(connection: Any) -> Any:
    """Where a connection stands that owes us something: a request, its first or one that it has
    begun after an answer; or that it reads. None if it owes nothing.
    """
    unread = connection.transport.get_write_buffer_size()
    if not hasattr(connection, "cycle"):  # a WebSocket: who serves it knows what it owes
        return unread or None
    cycle = connection.cycle
    is_mute = cycle is None or (
        cycle.response_complete and connection.timeout_keep_alive_task is None
    )
    return (id(cycle), unread) if is_mute or unread else None


def _place_for(new: Any, mute: dict[Any, None], others: dict[Any, None]) -> Any:
    """The connection that has to go; `new` is the last of the mute ones."""
    oldest = next(iter(mute))
    return oldest if oldest is not new else next(filter(_is_quiet_stranger, others), new)


def _is_quiet_stranger(connection: Any) -> bool:
    """Whether a connection is between two requests, and the last one showed no token."""
    is_between = connection.cycle.response_complete
    return is_between and b"authorization" not in dict(connection.scope["headers"])


def _bounded(connections: int) -> type[Any]:
    """uvicorn's protocol, httptools' or h11's, with bounds."""

    protocol: Any = AutoHTTPProtocol
    # The one that was quiet longest first: those that have asked for nothing yet, and the others.
    mute: dict[Any, None] = {}
    others: dict[Any, None] = {}

    class Bounded(protocol):
        # Of the newest request, its first piece and its body aside: of its head and its trailers,
        # and of what stands around the pieces of a body. None before it.
        _head_bytes: int | None = None
        _body_bytes = 0
        _begins = False  # whether the piece that is read has a head's beginning

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            mute[self] = None
            if len(self.connections) > connections:
                place = _place_for(self, mute, others)
                mute.pop(place, None)
                others.pop(place, None)
                place.transport.abort()

        def handle_websocket_upgrade(self, *given: Any) -> None:
            mute.pop(self, None)  # the connection is another protocol's from now on
            others.pop(self, None)
            super().handle_websocket_upgrade(*given)

        def connection_lost(self, exc: Exception | None) -> None:
            mute.pop(self, None)
            others.pop(self, None)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._begins, before = False, self._body_bytes
            super().data_received(data)
            if self.cycle is not None and (self in mute or self in others):
                mute.pop(self, None)
                others.pop(self, None)
                others[self] = None
            if self._head_bytes is not None and not self._begins:
                self._head_bytes += len(data) - (self._body_bytes - before)
                # A byte of a body may come with six around it.
                if self._head_bytes > _HEAD_BYTES + 6 * self._body_bytes:
                    self.transport.abort()

        def on_message_begin(self) -> None:
            if len(self.pipeline) >= _PIPELINED:
                raise ValueError("too many requests at once")  # uvicorn hangs up
            super().on_message_begin()
            self._head_bytes, self._body_bytes, self._begins = 0, 0, True

        def on_body(self, body: bytes) -> None:
            self._body_bytes += len(body)
            super().on_body(body)

    return Bounded
