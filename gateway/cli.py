"""`pingjia gateway …`: run the gateway of a hall, give tokens to callers, see how it stands."""

import logging
import os
import pwd
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway import broker_files, callers, secret, service, settings
from gateway.alarm import Alarms
from gateway.error import GatewayError
from gateway.hall import HallBook
from gateway.mosquitto import Mosquitto
from gateway.store import envelopes, halls, quarantine, services, states, tokens
from gateway.store.database import Database
from protocol.topic import GATEWAY_USER

app = typer.Typer(no_args_is_help=True, help="大厅网关 The hall's gateway.")
token_app = typer.Typer(
    no_args_is_help=True, help="Tokens of those who call the API or open pages."
)
app.add_typer(token_app, name="token")

Config = Annotated[Path, typer.Option("--config", help="The settings file.")]
_GATEWAY_TOML = Path("gateway.toml")


@app.command()
def run(
    config: Config = _GATEWAY_TOML,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End when standard input ends.")
    ] = False,
) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if until_stdin_closes:
        threading.Thread(target=_watch_stdin, args=(stopping,), daemon=True).start()
    service.run(settings.load(config), stopping)


@token_app.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="Who calls, e.g. queue-system.")],
    out: Annotated[Path, typer.Option("--out", help="A new file for the token.")],
    scope: Annotated[
        Literal["api", "pages", "console"],
        typer.Option(help="The HTTP API, the overview's page, or one window's console."),
    ] = "api",
    window: Annotated[str | None, typer.Option(help="The console's window, e.g. w1.")] = None,
    config: Config = _GATEWAY_TOML,
) -> None:
    """Write a new token for a caller into a file; only its hash is stored.

    Example: pingjia gateway token add counter-1 --scope console --window w1 --out w1.token
    """
    if not (0 < len(name) <= 64 and name.isprintable()):
        raise GatewayError("The name of a caller has 1 to 64 printable characters.")
    if (scope == callers.CONSOLE) != (window is not None):
        raise GatewayError("A console's token, and only that, names its window: --window w1.")
    database = Database(_database_path(config))
    token = secret.new_token()
    secret.write_secret(out, token)
    with database.write() as tx:
        tokens.put(tx, name, secret.token_hash(token), service.now_ms(), scope, window)
    database.close()
    typer.echo(f"made a token for {name} in {out}")


@app.command("broker-files")
def write_broker_files(
    out: Annotated[Path, typer.Option("--out", help="The broker's folder.")],
    config: Config = _GATEWAY_TOML,
) -> None:
    """Write the files of a mosquitto: configuration, users and rules.

    Example: pingjia gateway broker-files --out broker && mosquitto -c broker/mosquitto.conf
    """
    chosen = settings.load(config)
    if chosen.mqtt_port == 0:
        raise GatewayError(f"{config}: mqtt_port must name the port where mosquitto is to listen.")
    out = out.resolve()
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_ours = _write_configuration(out, chosen)
    except OSError as error:
        raise GatewayError(f"{out} cannot be written: {error.strerror}.") from error
    users = _users(chosen)
    Mosquitto(out, chosen.hall, lambda: users, Alarms()).start()
    typer.echo(f"wrote users and rules into {out}: the gateway and {len(users) - 1} devices")
    if not is_ours:
        typer.echo(
            f"{broker_files.CONFIGURATION} there is another one and stays; delete it for a new one"
        )
    if chosen.broker_files != out:
        typer.echo(f'to use it, say in {config}: broker = "external", broker_files = "{out}"')
    typer.echo(f"start it as this user: mosquitto -c {out / broker_files.CONFIGURATION}")


@app.command()
def status(config: Config = _GATEWAY_TOML) -> None:
    """Show what the hall's database holds."""
    path = _database_path(config)
    if not path.exists():
        raise GatewayError(f"{path} does not exist yet. Was the gateway started once?")
    database = Database(path)
    with database.read() as tx:
        hall = halls.get(tx)
        waiting = envelopes.counts(tx)
        documents = services.unsent_count(tx)
        devices = states.everyone(tx)
        refused = quarantine.counts(tx)
    database.close()
    typer.echo(f"hall document   {'none yet' if hall is None else f'version {hall.version}'}")
    typer.echo(f"for the centre  {waiting['waiting']} records, {documents} service documents")
    typer.echo(f"rejected there  {waiting['rejected']} records, offered again slowly")
    online = sum(row.online for row in devices)
    typer.echo(f"devices online  {online} of {len(devices)} that were ever seen")
    for row in refused:
        newest = time.strftime("%F %T", time.localtime(row.newest_at_ms / 1000))
        device = row.device or "(none of ours)"
        typer.echo(f"refused         {row.count} of {device}: {row.reason}, last {newest}")


def _write_configuration(out: Path, chosen: settings.Settings) -> bool:
    """Whether mosquitto.conf is now ours; one that hall IT has changed stays as it is."""
    text = broker_files.configuration(out, chosen.mqtt_host, chosen.mqtt_port, _user_name())
    path = out / broker_files.CONFIGURATION
    if not path.exists():
        broker_files.replace(path, text)
    return path.read_text() == text


def _user_name() -> str | None:
    """This user's name; None for root, because a broker needs no rights on this machine."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() else None
    except KeyError:
        return None


def _users(chosen: settings.Settings) -> dict[str, str]:
    """The password hashes of all who may log in, as the stored hall document says."""
    database = Database(chosen.data_dir / service.DATABASE)
    book = HallBook(chosen.hall, database, Alarms(), service.now_ms)
    database.close()
    password = secret.gateway_password(chosen.data_dir)
    return {GATEWAY_USER: secret.password_hash(password), **book.logins()}


def _database_path(config: Path) -> Path:
    return settings.load(config).data_dir / service.DATABASE


def _watch_stdin(stopping: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stopping.set()
