"""The way to the centre: HTTPS, outbound only; the gateway's only file with an HTTP client.

Next on a rating's way: central/web/api/batches.py.
"""

import gzip
import json
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from gateway.upward.credentials import Credentials
from hosting.error import OperatorError
from protocol.batch import Answer, decode_answer
from protocol.field import ProtocolError
from quick import read_answer

_ANSWER_BYTES = 8 * 1024 * 1024
_HALL_BYTES = 64 * 1024 * 1024  # 2,000 devices with settings of 4 KB each, and their receipts
# An idle connection is used again for so long: a live rating need not wait until TCP and TLS have
# shaken hands, nor the centre do that for 3,000 halls a minute. Shorter than the centre keeps it
# (75 s): we do not write into one that it closes at that moment.
_KEPT_S = 70
_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class UnreachableError(Exception):
    """No usable answer this time: try again, not before `retry_after_s` if that is given.

    has_failed: the centre has failed on what it was asked, itself (500).
    """

    def __init__(
        self, sentence: str, retry_after_s: float | None = None, has_failed: bool = False
    ):
        super().__init__(sentence)
        self.retry_after_s = retry_after_s
        self.has_failed = has_failed


class RefusedError(Exception):
    """The centre answers that trying again the same way is of no use; a person must act."""


class Contact:
    """When the centre answered last, to whatever. Used by any thread."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic):
        self._monotonic_s = monotonic_s
        self._began_s = monotonic_s()
        self._at_s: float | None = None

    def note(self) -> None:
        """It has answered just now, with what was asked for."""
        self._at_s = self._monotonic_s()

    def ago_s(self) -> float | None:
        """How long ago that was; None if it never did since the start."""
        return None if self._at_s is None else self._monotonic_s() - self._at_s

    def silence_s(self) -> float:
        """The same, and since the start if it never did."""
        at_s = self._began_s if self._at_s is None else self._at_s
        return self._monotonic_s() - at_s


class Centre:
    """One keep-alive connection to the centre. Raises OperatorError if the proxy is unusable."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        contact: Contact,
        proxy: str | None = None,
        timeout_s: float = 30,
    ):
        self._url = url
        self._credentials = credentials
        self._contact = contact
        self._proxy = proxy
        self._timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
        self._batches = httpx2.URL(f"{url}/v1/batches")
        self.said_at: datetime | None = None  # when it answered last, on its own clock
        self._connect()

    def _connect(self) -> None:
        self._edition = self._credentials.edition
        token = self._credentials.token
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": "pingjia-gateway"}
        try:
            # Not a Client: its cookies, redirects and log lines would cost as much as the rest.
            self._transport = httpx2.HTTPTransport(
                verify=self._credentials.trusted,
                trust_env=False,
                proxy=self._proxy,
                limits=httpx2.Limits(keepalive_expiry=_KEPT_S),
            )
        except (ValueError, httpx2.InvalidURL) as error:
            raise OperatorError(
                f"{self._proxy} is no proxy to reach {self._url} by: {error}."
            ) from error
        except ImportError as error:
            raise OperatorError(
                f"{self._proxy} is a SOCKS proxy, which the gateway does not speak: name an HTTP "
                "proxy in gateway.toml (proxy), or none."
            ) from error

    def send(self, packed: bytes) -> Answer:
        """Post a batch, packed by `pack`; the centre's word on it.

        Raises UnreachableError, RefusedError.
        Half an answer, or one that nobody can read, is no answer: the batch is sent again.
        """
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        status, answer = self._ask("POST", self._batches, _ANSWER_BYTES, headers, packed)
        if status != 200:
            raise UnreachableError(f"{self._url} answered {status} to a batch")
        try:
            return read_answer(answer) or decode_answer(answer)
        except ProtocolError as error:
            raise UnreachableError(f"{self._url} sent an unreadable answer: {error}") from error

    def hall(self, name: str, version: int | None) -> bytes | None:
        """The hall's document, or None if it still has `version`.

        Raises UnreachableError, RefusedError.
        """
        headers = {} if version is None else {"If-None-Match": f'"{version}"'}
        url = httpx2.URL(f"{self._url}/v1/halls/{name}")
        status, document = self._ask("GET", url, _HALL_BYTES, headers)
        if status == 304:
            return None
        if status != 200:
            raise UnreachableError(f"{self._url} answered {status} to the hall document's request")
        return document

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _ask(
        self,
        method: str,
        url: httpx2.URL,
        limit: int,
        headers: dict[str, str],
        content: bytes = b"",
    ) -> tuple[int, bytes]:
        if self._edition != self._credentials.edition:
            self._transport.close()
            self._connect()
        request = httpx2.Request(
            method,
            url,
            headers={**self._headers, **headers},
            content=content,
            extensions={"timeout": self._timeouts},
        )
        body = bytearray()
        try:
            with closing(self._transport.handle_request(request)) as response:
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > limit:
                        raise UnreachableError(f"{self._url} answered more than {limit} bytes")
        except httpx2.HTTPError as error:
            raise UnreachableError(f"{self._url}: {error or type(error).__name__}") from error
        status = response.status_code
        now = datetime.now(UTC)
        self.said_at = answered_at(response.headers.get("date"), now)
        if status in _AGAIN:
            said = response.headers
            said_at = answered_at(said.get("date"), datetime.now(UTC))
            wait_s = retry_after_s(said.get("retry-after"), said_at)
            sentence = f"{self._url} answered {status}{_detail(body)}"
            raise UnreachableError(sentence, wait_s, has_failed=status == 500)
        if 400 <= status < 500:
            raise RefusedError(_sentence(self._url, status, bytes(body[:300])))
        self._contact.note()
        return status, bytes(body)


def fetch(
    url: str, trusted: ssl.SSLContext | None = None, timeout_s: float = 5.0
) -> tuple[int, bytes]:
    """Status and body of a GET without a token; trusted: by whom, if it is https.

    Raises OSError if there is no answer, TimeoutError if there is none in time.
    """
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)
    try:
        with httpx2.HTTPTransport(verify=trusted or True, trust_env=False) as transport:
            request = httpx2.Request("GET", url, extensions={"timeout": timeouts})
            with closing(transport.handle_request(request)) as response:
                return response.status_code, b"".join(response.iter_raw())
    except httpx2.TimeoutException as error:
        raise TimeoutError(f"no answer within {timeout_s:.0f} seconds") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise OSError(f"{error or type(error).__name__}") from error


def pack(body: bytes) -> bytes:
    """A batch's body as it travels."""
    return gzip.compress(body, 3, mtime=0)


def answered_at(date: str | None, now: datetime) -> datetime:
    """When the centre answered, by its own clock if it says so: a Retry-After that is a date is on
    that one, and ours may be hours off.
    """
    try:
        said = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return now
    return said if said.tzinfo else said.replace(tzinfo=UTC)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The seconds in a Retry-After header, a number or a date; None if there are none."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), 86400.0)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max((date - now).total_seconds(), 0.0), 86400.0)


def _detail(body: bytes | bytearray) -> str:
    """What a problem (RFC 9457) says, behind a colon; nothing if the body is none."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    if not isinstance(detail, str):
        return ""
    return f": {detail[:200].encode(errors='replace').decode()}"  # half a surrogate is no text


def _sentence(url: str, status: int, body: bytes) -> str:
    todo = {
        401: "Is the token in centre_token_file this hall's, and not withdrawn?",
        403: "The token is not allowed to do this; ask the centre for one for this hall.",
        404: "Check centre_url and hall.",
        413: "A proxy on the way limits bodies too tightly; it must let 8 MB through.",
    }
    what = todo.get(status, f"It says: {body.decode(errors='replace')!r}.")
    why = _detail(body) if status == 401 else ""  # a token that has ended says so
    return (
        f"{url} refuses with {status}{why}. {what} Nothing is dropped; it is tried again slowly."
    )
