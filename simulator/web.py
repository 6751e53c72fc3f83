"""The simulator's only HTTP client: a queue system at a gateway, a reader at the centre."""

import asyncio
import ssl
from pathlib import Path

import httpx2

from hosting.error import OperatorError

_ATTEMPTS = 60  # a gateway that restarts is there again long before
_PAUSE_S = 0.25


class WebError(OperatorError):
    """A server refused a call, or could not be reached for as long as a queue system would try."""


def read_token(path: Path) -> str:
    """The token in a file. Raises WebError that names the file."""
    try:
        return path.read_text().strip()
    except OSError as error:
        raise WebError(f"the token file cannot be read: {error}") from None


class QueueSystem:
    """The calls of a hall's queue system, retried as a real one would. ca: whom it trusts, PEM."""

    def __init__(self, url: str, token: str, ca: Path | None = None):
        self._client = _client(url, token, ca)

    async def open(self, window: str, service: dict) -> dict:
        """Opens a service at a window; gives it with its id."""
        return await self._call("POST", f"/api/v1/windows/{window}/services", service)

    async def invite(self, service_id: str) -> dict:
        """Asks the citizen to rate."""
        return await self._call("POST", f"/api/v1/services/{service_id}/invite")

    async def close(self, service_id: str) -> dict:
        """Ends the service."""
        return await self._call("POST", f"/api/v1/services/{service_id}/close")

    async def get(self, service_id: str) -> dict:
        """A service, rated or not."""
        return await self._call("GET", f"/api/v1/services/{service_id}")

    async def set_staff(self, window: str, presence: str, staff_no: str, name: str):
        """A clerk sits down at a window (`in`), pauses (`pause`) or leaves (`out`)."""
        staff = {"presence": presence, "staff_no": staff_no, "name": name}
        await self._call("PUT", f"/api/v1/windows/{window}/staff", staff)

    async def devices(self) -> list[dict]:
        """The hall's devices as the gateway sees them."""
        return (await self._call("GET", "/api/v1/devices"))["devices"]

    async def status(self) -> dict:
        """What the gateway holds and what waits."""
        return await self._call("GET", "/api/v1/status")

    def use_token(self, token: str):
        """Calls with another token from now on."""
        self._client.headers["Authorization"] = f"Bearer {token}"

    async def aclose(self):
        """Ends the connections."""
        await self._client.aclose()

    async def _call(self, method, path, body=None):
        return await _call(self._client, method, path, json=body)


class Centre:
    """Reads back what the centre holds (scope records:read, and others where it is said).

    ca: whom it trusts, PEM.
    """

    def __init__(self, url: str, token: str, ca: Path | None = None):
        self._client = _client(url, token, ca)

    async def records(self) -> list[dict]:
        """All records, page by page."""
        records, after = [], None
        while True:
            params = {"limit": 5000} | ({"after": after} if after else {})
            page = await _call(self._client, "GET", "/v1/records", params=params)
            records += page["records"]
            after = page["next"]
            if after is None:
                return records

    async def feed(self) -> list[dict]:
        """All that was judged, page by page."""
        items, after = [], 0
        while True:
            page = await _call(self._client, "GET", "/v1/feed", params={"after": after})
            if not page["items"]:
                return items
            items += page["items"]
            after = page["next"]

    async def figures(self, hall: str) -> dict:
        """The figures of a hall, over all days (scope figures:read)."""
        return await _call(self._client, "GET", "/v1/figures", params={"hall": hall})

    async def clock(self) -> dict:
        """Where a rehearsal's clock is (scope rehearsal:write)."""
        return await _call(self._client, "GET", "/v1/rehearsal/clock")

    async def set_clock(self, at_ms: int) -> dict:
        """Sets a rehearsal's clock; returns when all that is due by then is settled."""
        return await _call(self._client, "PUT", "/v1/rehearsal/clock", json={"at": at_ms})

    async def aclose(self):
        """Ends the connections."""
        await self._client.aclose()


def _client(url, token, ca):
    try:
        verify = ssl.create_default_context(cafile=ca) if ca else True
    except OSError as error:
        raise WebError(f"{ca} is no CA in PEM form: {error}") from None
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(
        base_url=url, headers=headers, timeout=10, trust_env=False, verify=verify
    )


async def _call(client, method, path, **arguments):
    """One call, tried again while the server is away or asks for patience."""
    problem = ""
    for attempt in range(_ATTEMPTS):
        try:
            response = await client.request(method, path, **arguments)
        except httpx2.TransportError as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            if response.status_code < 400:
                return response.json() if response.content else {}
            problem = f"{response.status_code} {response.text[:300]}"
            if response.status_code < 500 and response.status_code != 429:
                break
        if attempt < _ATTEMPTS - 1:
            await asyncio.sleep(_PAUSE_S)
    raise WebError(f"{method} {client.base_url}{path.lstrip('/')}: {problem}")
