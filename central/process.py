"""The centre as a process: it says when it is ready, ends cleanly, and never outlives a test."""

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from central.error import CentralError
from central.settings import Settings

_STOP_S = 5  # what a batch in progress gets to finish
_KEEP_ALIVE_S = 75  # a quiet hall need not shake hands for every batch
_CONNECTIONS = 512  # each may hold a body of 8 MB


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, before_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_stop = before_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            scheme = "https" if self.config.is_ssl else "http"
            print(f"ready {scheme}://{host}:{port}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_stop()
        await super().shutdown(sockets)


def serve(
    app: FastAPI, settings: Settings, until_stdin_closes: bool, before_stop: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT, or until standard input ends. Raises CentralError.

    before_stop: ends the answers that have no end of their own.
    """
    listener = _listen(settings.listen_host, settings.listen_port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_STOP_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    server = _Server(config, before_stop)
    _look_for_garbage_seldom()
    # uvicorn raises the signal again after its clean stop; a wish to end is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_stdin, args=(server,), daemon=True).start()
    try:
        server.run([listener])
    finally:
        listener.close()


def _look_for_garbage_seldom() -> None:
    """A batch makes some 10,000 objects and next to no cycles; looking for these among them, and
    among all that was imported, would take a fifth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        # With its protocol named, unlike socket.create_server's: only then does asyncio set
        # TCP_NODELAY, without which every answer waits 40 ms for the gateway's delayed ACK.
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
        return listener
    except OSError as error:
        raise CentralError(
            f"cannot listen on {host} port {port} ({error.strerror}): is a centre running there "
            "already? listen_port = 0 takes a free port."
        ) from None


def _stop_at_end_of_stdin(server: uvicorn.Server) -> None:
    while os.read(0, 4096):
        pass
    server.should_exit = True
