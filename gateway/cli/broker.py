"""`pingjia gateway broker-files`."""

import os
import pwd
import re
from pathlib import Path
from typing import Annotated

import typer

from gateway.broker import files
from gateway.broker.mosquitto import Mosquitto
from gateway.broker.users import Users, gateway_password, users_of
from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.config import Config, load_config
from gateway.gateway import DATABASE
from gateway.hall.hall_book import HallBook
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.store.database import Database
from hosting.error import OperatorError

_DEBIANS = 1883


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("broker-files")(write_broker_files)


def write_broker_files(
    out: Annotated[Path, typer.Option("--out", help="The broker's folder.")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Write the files of a mosquitto: configuration, users and rules.

    Example: pingjia gateway broker-files --out broker && mosquitto -c broker/mosquitto.conf
    """
    chosen = load_config(config)
    if chosen.mqtt_port == 0:
        raise OperatorError(
            f"{config}: mqtt_port must name the port where mosquitto is to listen."
        )
    out = out.resolve()
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_ours = _write_configuration(out, chosen)
    except OSError as error:
        raise OperatorError(f"{out} cannot be written: {error.strerror}.") from error
    users = _users(chosen)
    Mosquitto(out, chosen.hall, users, Alarms()).start()
    typer.echo(f"wrote users and rules into {out}: the gateway and {len(users()) - 1} devices")
    if not is_ours:
        typer.echo(
            f"{files.CONFIGURATION} there is another one and stays; delete it for a new one"
        )
    if chosen.broker_files != out:
        typer.echo(f'to use it, say in {config}: broker = "external", broker_files = "{out}"')
    typer.echo(f"start it as this user: mosquitto -c {out / files.CONFIGURATION}")
    if os.geteuid() == 0:
        typer.echo(
            "this user is root, which a broker need not be: better run gateway and broker as a "
            "user of their own, and this command, too"
        )
    if chosen.mqtt_port == _DEBIANS:
        typer.echo(
            f"Debian starts a mosquitto of its own on port {_DEBIANS}: end that first, by "
            "`systemctl disable --now mosquitto`"
        )


def _write_configuration(out: Path, chosen: Config) -> bool:
    """Whether mosquitto.conf is now ours; one that hall IT has changed stays as it is."""
    text = files.configuration(
        out, chosen.mqtt_host, chosen.mqtt_port, _user_name(), chosen.certificate
    )
    path = out / files.CONFIGURATION
    if not path.exists():
        files.replace(path, text)
    elif (moved := _of_here(path.read_text(), out)) is not None:
        files.replace(path, moved)
    return path.read_text() == text


def _of_here(text: str, out: Path) -> str | None:
    """A configuration whose folder was moved, as it must be here; None if it was not."""
    former = re.search(rf"^pid_file (/.*)/{files.PID}$", text, re.MULTILINE)
    if former is None or former[1] == f"{out}":
        return None
    return text.replace(f"{former[1]}/", f"{out}/")


def _user_name() -> str | None:
    """This user's name, also root's: mosquitto would become another one, who cannot read the files
    that only their owner can.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return None


def _users(chosen: Config) -> Users:
    """All who may log in, as the stored hall document says."""
    database = Database(chosen.data_dir / DATABASE)
    book = HallBook(chosen.hall, database, Alarms(), HallClock(database))
    database.close()
    return users_of(gateway_password(chosen.data_dir), book.logins)
