"""An HTTP server on a listener of ours."""

import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Serves `app` until `should_exit`; run it on listeners from hosting.listener.

    on_ready: called once it takes requests. before_stop: ends the answers that have no end of
    their own; then what is in progress gets `stop_s` seconds. more: uvicorn's own settings.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_ready: Callable[[], None] = lambda: None,
        before_stop: Callable[[], None] = lambda: None,
        stop_s: int = 5,
        **more: Any,
    ) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=stop_s,
            **more,
        )
        super().__init__(config)
        self._on_ready = on_ready
        self._before_stop = before_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what has no end, and then the server."""
        self._before_stop()
        await super().shutdown(sockets)

    def end(self) -> None:
        """End soon; may be called by any thread, and by a signal's handler."""
        self.should_exit = True
