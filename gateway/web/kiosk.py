"""The kiosk: its page, the firmware and the interpreter, as files; and the way to the broker.

The page is the device: the firmware's files run in it on the WebAssembly MicroPython (docs of the
custody there: docs/custody.md). The gateway hands out files and carries bytes; the device's key
never comes here.
"""

import gzip
import hashlib
import json
import logging
import ssl
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import WebSocketRoute

from gateway.config import Config
from gateway.hall.hall_book import HallBook
from gateway.web.bridge import Bridge
from shipped import remedy

log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_PAGE = _HERE / "kiosk_page"
_INTERPRETER = _ROOT / "node_modules/@micropython/micropython-webassembly-pyscript"
_START = "kiosk.html"
_WORKER = "service.js"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".py": "text/plain; charset=utf-8",
    ".mpy": "application/octet-stream",
}
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    # The firmware waits for its storage in shared memory, which browsers give to isolated pages.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",  # asked for each time, and seldom sent
    "Vary": "Accept-Encoding",
}
_MISSING = (
    "本网关没有评价终端的程序，请联系大厅信息人员。\n"
    "This gateway has no kiosk: {missing} is not there; {remedy}."
)


class _File(NamedTuple):
    content: bytes
    packed: bytes
    media_type: str
    digest: str


class Kiosk:
    """broker_port: once it listens. tls: whom to believe to be the broker; None: in the clear."""

    def __init__(
        self,
        config: Config,
        broker_port: Callable[[], int],
        tls: ssl.SSLContext | None,
        book: HallBook,
    ) -> None:
        self._firmware = config.firmware_dir
        self._languages = config.kiosk_languages
        self._bridge = Bridge(
            lambda: (config.mqtt_host, broker_port()), tls, lambda device: device in book.devices
        )

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        app.add_api_route("/kiosk", self._start, methods=["GET"], include_in_schema=False)
        path = "/kiosk/{path:path}"
        app.add_api_route(path, self._send, methods=["GET"], include_in_schema=False)
        app.router.routes.append(WebSocketRoute("/kiosk/mqtt", self._bridge.serve))

    async def _start(self, request: Request) -> Response:
        return await self._send(request, _START)

    async def _send(self, request: Request, path: str) -> Response:
        try:
            file = (await run_in_threadpool(lambda: self._files)).get(path)
        except FileNotFoundError as error:
            log.warning("no kiosk: %s", error)
            missing = Path(error.filename).name
            return PlainTextResponse(
                _MISSING.format(missing=missing, remedy=remedy("setup firmware")), 503
            )
        if file is None:
            raise HTTPException(404)
        tag = f'"{file.digest[:32]}"'
        headers = {**_HEADERS, "ETag": tag}
        if path == _WORKER:
            headers["Service-Worker-Allowed"] = "/kiosk"
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        content = file.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = file.packed, "gzip"
        return Response(content, media_type=file.media_type, headers=headers)

    @cached_property
    def _files(self) -> dict[str, _File]:
        """All that the page loads, by its path below /kiosk/. Raises FileNotFoundError."""
        sources = {path.name: path for path in _PAGE.iterdir() if path.suffix in _TYPES}
        for name in ("micropython.mjs", "micropython.wasm"):
            sources[name] = _INTERPRETER / name
        manifest = json.loads((self._firmware / "manifest.json").read_bytes())
        for name in ("manifest.json", *manifest["files"]):
            sources[f"firmware/{name}"] = self._firmware / name
        if self._languages is not None:
            for path in sorted(self._languages.glob("*.json")):
                sources[f"language.{path.name}"] = path
        files = {name: _file(name, path.read_bytes()) for name, path in sorted(sources.items())}
        names = sorted(name[9:-5] for name in files if name.startswith("language."))
        files["languages.json"] = _file("languages.json", json.dumps(names).encode())
        listed = {name: file.digest for name, file in files.items() if name != _WORKER}
        worker = f"const FILES = {json.dumps(listed)};\n".encode() + files[_WORKER].content
        return {**files, _WORKER: _file(_WORKER, worker)}


def _file(name: str, content: bytes) -> _File:
    media_type = _TYPES[Path(name).suffix]
    digest = hashlib.sha256(content).hexdigest()
    return _File(content, gzip.compress(content, 6, mtime=0), media_type, digest)
