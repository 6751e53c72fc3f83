"""The bench's only HTTP client: the centre, with a technician's token (scope enrol:<hall>)."""

import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2

from hosting.error import OperatorError
from hosting.listener import is_loopback
from hosting.secret_file import read_token
from protocol.envelope import split
from protocol.record import parse
from workbench.desk.bundle import Bundle, parse_bundle

_TIMEOUT_S = 20
_AT_ONCE = 500  # envelopes of one request


class Delivered(NamedTuple):
    """counts: how many records got which verdict. receipts: the newest of each (device, epoch)."""

    counts: dict[str, int]
    receipts: dict[tuple[str, int], str]


class Centre:
    """The centre, for one hall. Use as `with Centre(…) as centre`.

    Every method raises OperatorError.
    """

    def __init__(self, url: str, hall: str, token_file: Path, ca: Path | None = None):
        parts = urlsplit(url)
        is_here = is_loopback(parts.hostname or "")
        if parts.scheme != "https" and not is_here:
            raise OperatorError(f"{url}: a device's key travels by https only.")
        self.hall = hall
        self._url = url
        token = read_token(token_file, "name the file that the centre's operator gave you.")
        try:
            self._client = httpx2.Client(
                base_url=f"{url.rstrip('/')}/v1/halls/{hall}",
                headers={"Authorization": f"Bearer {token}"},
                timeout=_TIMEOUT_S,
                verify=_trust(ca),
                trust_env=not is_here,  # no proxy leads to this machine itself
            )
        except (ImportError, ValueError) as error:
            raise OperatorError(
                f"the proxy that this machine's environment names cannot be used ({error}): set "
                "HTTPS_PROXY to an HTTP proxy, or NO_PROXY to the centre's host name."
            ) from None

    def __enter__(self) -> "Centre":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def enrol(self, device: str, window: str, replaces: bool) -> Bundle:
        """A new bundle for a device at a window; the centre gives it only once.

        replaces: although the hall has a device of this id.
        """
        body = {"device": device, "window": window, "replaces": replaces}
        answer = self._call("POST", "/devices", body)
        return parse_bundle(answer.content)

    def devices(self) -> dict[str, dict[str, Any]]:
        """The hall's devices by id: {device, window, epoch, revoked, highest_seq, head_seq}."""
        devices = self._call("GET", "/devices").json()["devices"]
        return {device["device"]: device for device in devices}

    def revoke(self, device: str) -> dict[str, Any]:
        """End a device; what `devices` says of it."""
        return self._call("DELETE", f"/devices/{device}").json()

    def deliver(
        self, envelopes: list[str], head: str | None = None, receipt: str | None = None
    ) -> Delivered:
        """Hand over rescued envelopes, and at last a head with the receipt that its device holds.

        Of an epoch that has ended the receipt was signed after that.
        """
        counts: dict[str, int] = {}
        receipts: dict[tuple[str, int], str] = {}
        pieces = [envelopes[at : at + _AT_ONCE] for at in range(0, len(envelopes), _AT_ONCE)]
        bodies = [{"envelopes": piece, "heads": list[Any]()} for piece in pieces]
        if head is not None:
            bodies.append({"envelopes": [], "heads": [{"head": head, "receipt": receipt}]})
        for body in bodies:
            answer = self._call("POST", "/rescued", body).json()
            for verdict in answer["verdicts"][: len(body["envelopes"])]:
                counts[verdict["verdict"]] = counts.get(verdict["verdict"], 0) + 1
            for text in answer["receipts"]:
                members = parse(split(text.encode())[0])
                receipts[members["device"], members["epoch"]] = text
        return Delivered(counts, receipts)

    def epoch(self, device: str, epoch: int) -> dict[str, Any] | None:
        """{device, epoch, ended_at_ms, closed, covered_seq, proven_seq} of an enrolment; None for
        one that the centre does not know (it was restored, or is another one).
        """
        answer = self._call("GET", f"/devices/{device}/epochs/{epoch}", is_sought=True)
        return None if answer.status_code == 404 else answer.json()

    def _call(self, method: str, path: str, body: Any = None, is_sought: bool = False) -> Any:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx2.HTTPError as error:
            raise OperatorError(
                f"the centre at {self._url} cannot be reached ({type(error).__name__}). Check "
                "address and network, or take bundles issued beforehand: --bundles FOLDER."
            ) from None
        if answer.is_success or (is_sought and answer.status_code == 404):
            return answer
        raise OperatorError(
            f"the centre refused ({answer.status_code}): {_detail(answer)}. {self._advice(answer)}"
        )

    def _advice(self, answer: Any) -> str:
        if answer.status_code in (401, 403):
            return (
                "Ask the centre's operator for a token: pingjia central token add --scope "
                f"enrol:{self.hall} --out technician.token"
            )
        return "Check the ids of hall, window and device, and repeat the command."


def _trust(ca: Path | None) -> Any:
    try:
        return ssl.create_default_context(cafile=ca) if ca else ssl.create_default_context()
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(f"{ca} is no CA in PEM form: {error}.") from None


def _detail(answer: Any) -> str:
    try:
        return str(answer.json()["detail"])[:300].rstrip(".")
    except (ValueError, KeyError, TypeError):
        return "it gave no reason"
