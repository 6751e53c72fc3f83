"""`pingjia gateway …`: run the gateway of a hall, give tokens to callers, see how it stands."""

import gc
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
from gateway import quarantine as refusals
from gateway.alarm import Alarms
from gateway.error import GatewayError
from gateway.hall import HallBook
from gateway.mosquitto import Mosquitto
from gateway.store import envelopes, halls, quarantine, services, states, tokens
from gateway.store.database import Database
from protocol.topic import GATEWAY_USER

app = typer.Typer(help="大厅网关 The hall's gateway.", no_args_is_help=True, add_completion=False)
token_app = typer.Typer(
    no_args_is_help=True, help="Tokens of those who call the API or open pages."
)
app.add_typer(token_app, name="token")
quarantine_app = typer.Typer(no_args_is_help=True, help="What was refused, and why.")
app.add_typer(quarantine_app, name="quarantine")

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
    # Batches make thousands of objects and next to no cycles: looking for these costs a tenth.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    # A rating passes through four threads; Python lets each of the others run on for 5 ms.
    sys.setswitchinterval(0.0005)
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


@token_app.command("list")
def token_list(config: Config = _GATEWAY_TOML) -> None:
    """List who may call, and with what."""
    database = _existing_database(config)
    with database.read() as tx:
        rows = tokens.everyone(tx)
    database.close()
    for row in rows:
        what = f"{row.scope} {row.window}" if row.window else row.scope
        typer.echo(f"{row.name}  {what}, since {_time(row.created_at_ms)}")


@token_app.command("remove")
def token_remove(
    name: Annotated[str, typer.Argument(help="As `list` gives it.")],
    config: Config = _GATEWAY_TOML,
) -> None:
    """Take a caller's token back: the running gateway refuses it from now on."""
    database = _existing_database(config)
    with database.write() as tx:
        was_there = tokens.remove(tx, name)
    database.close()
    if not was_there:
        raise GatewayError(f"No token is named {name}: see `pingjia gateway token list`.")
    typer.echo(f"removed the token of {name}")


@quarantine_app.command("list")
def quarantine_list(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 20,
    config: Config = _GATEWAY_TOML,
) -> None:
    """List the refused payloads, newest first, and how many there ever were."""
    database = _existing_database(config)
    with database.read() as tx:
        counts, rows = quarantine.counts(tx), quarantine.newest(tx, limit)
    database.close()
    for row in counts:
        typer.echo(f"refused {row.count} of {row.device or '(none of ours)'}: {row.reason}")
    for row in rows:
        is_whole = "whole" if len(row.beginning) == row.size else f"{len(row.beginning)} kept"
        typer.echo(
            f"{row.id:>6}  {_time(row.received_at_ms)}  {row.device or row.topic}  {row.reason}: "
            f"{row.detail} ({row.size} bytes, {is_whole})"
        )


@quarantine_app.command("show")
def quarantine_show(
    number: Annotated[int, typer.Argument(help="As `list` gives it.")],
    config: Config = _GATEWAY_TOML,
) -> None:
    """Show a refused payload: what is printable as it is, the rest escaped."""
    database = _existing_database(config)
    with database.read() as tx:
        row = quarantine.get(tx, number)
    database.close()
    if row is None:
        raise GatewayError(f"The quarantine has no number {number}; `list` shows what it has.")
    typer.echo(f"{_time(row.received_at_ms)}  {row.topic!r}\n{row.reason}: {row.detail}")
    typer.echo(f"{len(row.beginning)} of {row.size} bytes:\n{row.beginning!r}")


@quarantine_app.command("replay")
def quarantine_replay(
    numbers: Annotated[list[int] | None, typer.Argument(help="As `list` gives them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that is kept.")] = False,
    config: Config = _GATEWAY_TOML,
) -> None:
    """Judge refused records again after a fix; what passes now goes to the centre.

    Example: pingjia gateway quarantine replay 17 18
    """
    if bool(numbers) == every:
        raise GatewayError("Name the numbers to replay, or --all.")
    chosen = settings.load(config)
    database = _existing_database(config)
    book = HallBook(chosen.hall, database, Alarms(), service.now_ms)
    with database.read() as tx:
        wanted = numbers or [row.id for row in quarantine.newest(tx, 1_000_000)][::-1]
    outcomes = refusals.replay(database, chosen.hall, book.devices, wanted)
    database.close()
    for outcome in outcomes:
        word = "taken in" if outcome.is_taken else "not taken in"
        typer.echo(f"{outcome.row_id:>6}  {word}: {outcome.sentence}")
    taken = sum(outcome.is_taken for outcome in outcomes)
    typer.echo(f"replayed {len(outcomes)}, {taken} taken in")


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
    database = _existing_database(config)
    with database.read() as tx:
        hall = halls.get(tx)
        waiting = envelopes.waiting_counts(tx)
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
        device, newest = row.device or "(none of ours)", _time(row.newest_at_ms)
        typer.echo(f"refused         {row.count} of {device}: {row.reason}, last {newest}")


def _existing_database(config: Path) -> Database:
    path = _database_path(config)
    if not path.exists():
        raise GatewayError(f"{path} does not exist yet. Was the gateway started once?")
    return Database(path)


def _time(at_ms: int) -> str:
    return time.strftime("%F %T", time.localtime(at_ms / 1000))


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
