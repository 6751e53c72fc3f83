"""`pingjia gateway doctor`: one line for each thing that a hall needs, with the next step."""

import shutil
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.cli.status import ask
from gateway.config import Config, load_config
from gateway.gateway import DATABASE, RESERVE
from gateway.hall.presence import LOST, OFFLINE
from gateway.keep.alarms import Alarms
from gateway.keep.certificates import Certificates, now_utc
from gateway.keep.reserve import why_not
from gateway.store.last_words import LastWords, last_words
from gateway.upward.centre import Centre, Contact, RefusedError, UnreachableError
from gateway.upward.parts import credentials_of
from hosting.clock import now_ms
from hosting.doctor import (
    compare_clocks,
    examine,
    knock,
    look_at_certificate,
    look_at_room,
    look_up,
    span,
)
from hosting.error import OperatorError
from protocol.field import ProtocolError
from protocol.hall import decode_hall

_HTTPS = 443
_OF_NETWORK = ("dns", "proxy", "tls", "token", "clock")  # a carried hall has none to the centre
_DAY_MS = 86_400_000
_OLD_MS = 600_000  # of what waits for the centre
_LEAST_HOURS, _YEAR_HOURS = 72, 8766
_LEAST_BYTES = 4 * 1024 * 1024  # beside the reserve: a log that grows, a report
AsJson = Annotated[bool, typer.Option("--json", help="The same for programs.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(config: ConfigFile = GATEWAY_TOML, is_json: AsJson = False) -> None:
    """Look at everything that the hall needs: a line each, with what to do. Ends with 0 or 1."""
    patient = _Patient(load_config(config))
    try:
        code = examine(patient.checks(), typer.echo, is_json)
    finally:
        patient.leave()
    raise typer.Exit(code)


class _Patient:
    """A gateway, running or not. Each check says how it is, or raises what to do."""

    def __init__(self, config: Config):
        self._config = config
        self._centre: Centre | None = None
        url = urlsplit(config.centre_url)
        self._host, self._port = url.hostname or "", url.port or _HTTPS
        self._is_tls = url.scheme == "https"

    def leave(self) -> None:
        """Close what was opened."""
        if self._centre is not None:
            self._centre.close()

    def checks(self) -> list[tuple[str, Any]]:
        """Name and check, in the order in which one leans on the other."""
        return [one for one in self._all() if not (self._config.carried and one[0] in _OF_NETWORK)]

    def _all(self) -> list[tuple[str, Any]]:
        return [
            ("disk", self._disk),
            ("database", self._database),
            ("credentials", self._credentials),
            ("service", self._service),
            ("broker", self._broker),
            ("certificate", self._certificate),
            ("dns", self._dns),
            ("proxy", self._proxy),
            ("tls", self._tls),
            ("token", self._token),
            ("clock", self._clock),
            ("devices", self._devices),
            ("backlog", self._backlog),
        ]

    def _disk(self) -> str:
        folder = self._config.data_dir
        if not folder.exists():
            raise OperatorError(f"{folder} is not there yet: start the gateway once.")
        if (why := why_not(folder)) is not None:
            raise OperatorError(f"The disk with {folder} {why}.")
        held = folder / RESERVE  # it is room that is taken already
        missing = self._config.reserve_mb * 1024 * 1024 - _size(held)
        return look_at_room(folder, max(missing, _LEAST_BYTES))

    def _words(self) -> LastWords:
        path = self._config.data_dir / DATABASE
        if not path.exists():
            raise OperatorError(f"{path} does not exist yet: start the gateway once.")
        return last_words(path, now_ms() - _DAY_MS)

    def _database(self) -> str:
        words = self._words()
        return f"sound, {words.all_records} records, {words.size / 1e6:.1f} MB"

    def _credentials(self) -> str:
        config = self._config
        given = credentials_of(config, Alarms())
        url, proxy = config.centre_url, config.proxy
        self._centre = Centre(url, given, Contact(), proxy, timeout_s=10)
        self._trusted = given.trusted
        return f"{config.centre_token_file} holds a token for its owner only"

    def _told(self) -> dict[str, Any]:
        return ask(self._config)

    def _service(self) -> str:
        told = self._told()
        if told["alarms"]:
            names = ", ".join(sorted(told["alarms"]))
            raise OperatorError(
                f"it runs, with alarms: {names}. `pingjia gateway status` has their sentences."
            )
        return f"it runs, version {told['version']}, without any alarm"

    def _broker(self) -> str:
        config = self._config
        told = self._try_told()
        if told is not None and told["mqtt"]:
            return "the gateway's session stands"
        if config.mqtt_port:
            todo = "Start mosquitto; see mqtt_port."
            if config.broker == "embedded":
                todo = "It is the gateway's own: `pingjia gateway status` says what it lacks."
            knock(config.mqtt_host, config.mqtt_port, "the broker", todo)
        if told is None:
            raise OperatorError(
                f"something takes connections on {config.mqtt_host} port {config.mqtt_port}, but "
                "the gateway does not run, so nobody knows whether it is this hall's broker: see "
                "`ss -ltnp`."
            )
        raise OperatorError(
            "the gateway has no session at the broker, which is frozen, or refuses it: `pingjia "
            "gateway status` has the alarm's sentence."
        )

    def _try_told(self) -> dict[str, Any] | None:
        try:
            return self._told()
        except OperatorError:
            return None

    def _certificate(self) -> str:
        folder = self._config.secure_dir
        if folder is None:
            return "none is made by this gateway (secure_dir)"
        certificates = Certificates(folder)
        if (problem := certificates.problem(now_utc())) is not None:
            raise OperatorError(problem)
        return f"of broker and API, good for {certificates.days_left(now_utc())} days"

    def _dns(self) -> str:
        return (
            look_up(urlsplit(self._config.proxy).hostname or "")
            if self._config.proxy
            else (look_up(self._host))
        )

    def _proxy(self) -> str:
        if not self._config.proxy:
            return "none is set"
        url = urlsplit(self._config.proxy)
        todo = "Is that the proxy (see proxy), and does it run?"
        return knock(url.hostname or "", url.port or 80, "the proxy", todo)

    def _tls(self) -> str:
        if not self._is_tls:
            return "none: the centre is on this machine (http)"
        if self._config.proxy:
            return "through the proxy: see token"
        if self._centre is None:
            raise OperatorError("not tried: mend the credentials first.")
        return look_at_certificate(self._host, self._port, self._trusted)

    def _token(self) -> str:
        if self._centre is None:
            raise OperatorError("not tried: mend the credentials first.")
        try:
            decode_hall(self._centre.hall(self._config.hall, None) or b"")
        except (UnreachableError, RefusedError) as error:
            raise OperatorError(f"{error}") from None
        except ProtocolError as error:
            raise OperatorError(
                f"what answers on {self._config.centre_url} sends no hall document ({error}). Is "
                "it the centre, or a portal on the way that wants a login?"
            ) from None
        return f"the centre takes it for {self._config.hall}"

    def _clock(self) -> str:
        if self._centre is None or self._centre.said_at is None:
            raise OperatorError("not compared: the centre did not answer.")
        return compare_clocks(time.time(), self._centre.said_at.timestamp(), "the centre's")

    def _devices(self) -> str:
        counts = self._told()["devices"] or {}
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"
        if counts.get(LOST) or counts.get(OFFLINE):
            raise OperatorError(
                f"{told}. The overview page names them; look at their power and their network."
            )
        return told

    def _backlog(self) -> str:
        words = self._words()
        waiting = f"{words.records} records and {words.documents} documents wait"
        if words.since_ms is not None:
            waiting += f", the oldest for {span(now_ms() - words.since_ms)}"
        hours = self._hours_left(words)
        if hours is not None:
            left = f"{hours:.0f} more hours" if hours < _YEAR_HOURS else "over a year"
            waiting += f"; at the last day's pace there is room for {left}"
        if words.since_ms is not None and now_ms() - words.since_ms > _OLD_MS:
            raise OperatorError(
                f"{waiting}. Mend what says LOOK above; if nothing does, the log says what the "
                "centre answers. Nothing is lost meanwhile."
            )
        if hours is not None and hours < _LEAST_HOURS:
            raise OperatorError(f"{waiting}. Make room on the disk.")
        return waiting

    def _hours_left(self, words: LastWords) -> float | None:
        """How long the disk holds what comes as it came on the last day; None if nothing came."""
        if not words.of_a_day:
            return None
        free = shutil.disk_usage(self._config.data_dir).free
        return free / (words.size / words.all_records * words.of_a_day / 24)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
