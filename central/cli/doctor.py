"""`pingjia central doctor`: one line for each thing that a centre needs, with the next step."""

import http.client
import json
import math
import ssl
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.engine import make_url

from central.audit.restoring import require_its_secret
from central.centre import limits_of
from central.cli.opened import CENTRAL_TOML, ConfigFile, device_keys, opened_url, time_of
from central.clockwork import Alarms
from central.config import Config, load_config, require_safe_listener
from central.people.tokens import Tokens, halls_of
from central.steady import PlainClock
from central.store import clocks, places
from central.store.database import Database
from central.store.judged import standings
from central.web.api.health import late_since, probe, where_of
from hosting.doctor import (
    compare_clocks,
    examine,
    good_for,
    look_at_room,
    look_up,
    silence,
)
from hosting.error import OperatorError

_LEAST_BYTES = 1024**3
_WAIT_S = 5.0
_SOON_MS = 7 * 86_400_000
_NAMED = 3
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
AsJson = Annotated[bool, typer.Option("--json", help="The same for programs.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(config: ConfigFile = CENTRAL_TOML, is_json: AsJson = False) -> None:
    """Look at everything that the centre needs: a line each, with what to do. Ends with 0 or 1."""
    patient = _Patient(load_config(config))
    raise typer.Exit(examine(patient.checks(), typer.echo, is_json))


class _Patient:
    """A centre, running or not. Each check says how it is, or raises what to do."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._url = make_url(config.database_url)

    def checks(self) -> list[tuple[str, Callable[[], str]]]:
        """Name and check, in the order in which one leans on the other."""
        return [
            ("disk", self._disk),
            ("database", self._database),
            ("secret", self._secret),
            ("dns", self._dns),
            ("tls", self._tls),
            ("service", self._service),
            ("clock", self._clock),
            ("tokens", self._tokens),
            ("judge", self._judge),
            ("alarms", self._alarms),
        ]

    def _disk(self) -> str:
        if self._url.get_backend_name() != "sqlite":
            return "PostgreSQL's own: look there"
        folder = Path(self._url.database or "").parent
        try:
            probe(folder)
        except OSError as error:
            raise OperatorError(
                f"nothing can be written in {folder}: {error.strerror}. Make room, or mount it "
                "for writing; `dmesg` tells of a disk that dies."
            ) from None
        return look_at_room(folder, _LEAST_BYTES)

    def _database(self) -> str:
        with opened_url(self._config) as database, database.read() as connection:
            ran = clocks.ran(connection, 1)
        since = "" if ran else "; no centre has run on it yet"
        return f"{where_of(self._config.database_url)} opens, and has the newest tables{since}"

    def _secret(self) -> str:
        keys = device_keys(self._config)
        with opened_url(self._config) as database:
            require_its_secret(database, keys.key)
        return f"{self._config.master_secret_file} is for its owner only; is there a copy offline?"

    def _dns(self) -> str:
        host = self._url.host if self._url.get_backend_name() != "sqlite" else None
        return "needed for nothing" if not host else look_up(host)

    def _tls(self) -> str:
        require_safe_listener(self._config)
        certificate = self._config.tls_certificate
        if certificate is None:
            return "none here: a proxy on the way has it, or only this machine reaches the centre"
        try:
            found: Any = ssl._ssl._test_decode_cert(str(certificate))  # type: ignore[attr-defined]
        except (ssl.SSLError, OSError) as error:
            raise OperatorError(f"{certificate} is no certificate: {error}.") from None
        return good_for(f"{certificate}", ssl.cert_time_to_seconds(found["notAfter"]))

    def _service(self) -> str:
        told, _ = self._ask()
        if told["status"] != "ok":
            detail = told.get("detail") or "see `pingjia central clock show`"
            raise OperatorError(f"it answers {told['status']}: {detail}")
        return "it answers ok"

    def _clock(self) -> str:
        _, date_s = self._ask()
        with opened_url(self._config) as database:
            told = compare_clocks(time.time(), time_of(database)() / 1000, "the centre's time")
        compare_clocks(time.time(), date_s, "the running centre's")
        return told

    def _tokens(self) -> str:
        with opened_url(self._config) as database:
            now_ms = time_of(database)()
            rows = Tokens(database, lambda: now_ms).every()
            with database.read() as connection:
                halls = {row.hall for row in places.halls(connection)}
        rows = [row for row in rows if not row.revoked_at_ms]
        good = [row for row in rows if row.ends_at_ms is None or row.ends_at_ms > now_ms]
        lasting = [row for row in good if "enrol:" not in row.scopes]  # those are for a day
        soon = [row for row in lasting if (row.ends_at_ms or math.inf) <= now_ms + _SOON_MS]
        told = f"{len(good)} are good, {len(rows) - len(good)} have ended"
        locked_out = sorted(halls - {one for row in good for one in halls_of((row.scopes,))})
        if locked_out:
            raise OperatorError(
                f"{told}; no good one is that of the gateway of {', '.join(locked_out[:_NAMED])}"
                f"{f' and {len(locked_out) - _NAMED} more' if len(locked_out) > _NAMED else ''}, "
                "which is refused: `pingjia central token add --scope hall:ID`."
            )
        if soon:
            names = ", ".join(row.name or row.id for row in soon[:_NAMED])
            raise OperatorError(
                f"{told}; {len(soon)} end within a week, first {names}: give new ones in time "
                "(`pingjia central token list`)."
            )
        return told

    def _judge(self) -> str:
        with opened_url(self._config) as database, database.read() as connection:
            late_ms = self._alarms_of(database).judge_late_ms(connection)
            failure = standings.state(connection).failure
        if failure is not None:
            raise OperatorError(
                f"a rule cannot judge {failure}. Figures lack it, nothing is lost; send that and "
                "the log to whoever maintains the system."
            )
        if late_ms is not None:
            raise OperatorError(late_since(late_ms))
        return "nothing has waited for ten minutes"

    def _alarms_of(self, database: Database) -> Alarms:
        return Alarms(PlainClock(time_of(database)), limits_of(self._config))

    def _alarms(self) -> str:
        with opened_url(self._config) as database, database.read() as connection:
            found = self._alarms_of(database).find(connection, None)
        if found:
            counts = Counter(one.mark for one in found)
            told = ", ".join(f"{mark} {count}" for mark, count in sorted(counts.items()))
            raise OperatorError(f"{told}. The page /marks says of each what to do.")
        return "none stands"

    def _ask(self) -> tuple[dict[str, Any], float]:
        """What /healthz of the running centre says, and its Date. Raises OperatorError."""
        config = self._config
        if config.listen_port == 0:
            raise OperatorError("listen_port is 0, so nobody knows where it listens: name a port.")
        host = _ANYWHERE.get(config.listen_host, config.listen_host)
        place = (host, config.listen_port)
        if config.tls_certificate is None:
            asked = http.client.HTTPConnection(*place, timeout=_WAIT_S)
        else:  # its name is for others to check: here it is asked whether it lives
            trusted = ssl._create_unverified_context()
            asked = http.client.HTTPSConnection(*place, timeout=_WAIT_S, context=trusted)
        try:
            asked.request("GET", "/healthz")
            answer = asked.getresponse()
            told = json.loads(answer.read())
            date_s = time.mktime(time.strptime(answer.headers["date"], _DATE)) - time.timezone
            return {"status": f"{told['status']}", **told}, date_s
        except OSError as error:
            where = f"{host} port {config.listen_port}"
            raise OperatorError(silence(where, "pingjia-central", error)) from None
        except (ValueError, KeyError, TypeError, http.client.HTTPException):
            raise OperatorError(
                f"what answers on {host} port {config.listen_port} is no centre. Which program "
                "has that port (ss -ltnp)? See listen_port."
            ) from None
        finally:
            asked.close()


_DATE = "%a, %d %b %Y %H:%M:%S GMT"
