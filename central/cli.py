"""`pingjia central …`: thin commands over enrolment and service."""

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from central import device_settings, process
from central.audit import Range, audit
from central.error import CentralError
from central.export import open_export, write_export
from central.keys import DeviceKeys, create_master_secret, read_master_secret
from central.period import start_of
from central.roster import read_roster
from central.service import Centre, now_ms, open_enrolment
from central.settings import load_settings, require_safe_listener
from central.store.database import Database, open_database
from central.store.device_settings import of_hall

app = typer.Typer(help="省级归集系统 The centre.", no_args_is_help=True, add_completion=False)
hall_app = typer.Typer(help="Halls (大厅).", no_args_is_help=True)
window_app = typer.Typer(help="Windows of a hall (窗口).", no_args_is_help=True)
token_app = typer.Typer(help="Tokens of callers.", no_args_is_help=True)
app.add_typer(hall_app, name="hall")
app.add_typer(window_app, name="window")
app.add_typer(token_app, name="token")
settings_app = typer.Typer(help="What devices say, ask and sound like.", no_args_is_help=True)
app.add_typer(settings_app, name="settings")

Config = Annotated[Path, typer.Option("--config", help="The settings file.")]
_CENTRAL_TOML = Path("central.toml")


@app.command()
def init(config: Config = _CENTRAL_TOML) -> None:
    """Make what is missing: the settings file, the master secret, the database."""
    if not config.exists():
        config.write_text("# Every key and its default: deploy/central.toml\n", "utf-8")
        print(f"made {config}")
    settings = load_settings(config)
    with open_enrolment(settings) as enrolment:
        has_devices = enrolment.has_devices()
    secret = settings.master_secret_file
    if secret.exists():
        read_master_secret(secret)
        print(f"{secret} is there already")
    elif has_devices:
        raise CentralError(
            f"{secret} is missing, but devices are enrolled: their keys come from the secret "
            "that was there. Restore it from your backup; a new one would verify none of them."
        )
    else:
        create_master_secret(secret)
        print(f"made {secret}: keep a copy offline, apart from the database")


@hall_app.command("add")
def add_hall(
    hall: str,
    mqtt_host: Annotated[str, typer.Option(help="Where devices reach the hall's broker.")],
    mqtt_port: Annotated[int, typer.Option(min=1, max=65535)],
    token_out: Annotated[Path, typer.Option(help="A new file for the gateway's token.")],
    name: Annotated[str, typer.Option(help="What people call the hall.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The broker's CA, PEM.")] = None,
    config: Config = _CENTRAL_TOML,
) -> None:
    """Add a hall, and write the token for its gateway."""
    with open_enrolment(load_settings(config)) as enrolment:
        enrolment.add_hall(hall, name or hall, mqtt_host, mqtt_port, _pem(ca), token_out)
    print(f"added hall {hall}; its gateway's token is in {token_out}")


@hall_app.command("import")
def import_hall(
    hall: str,
    roster: Annotated[Path, typer.Argument(help="CSV in UTF-8: window,name,device.")],
    bundles: Annotated[Path, typer.Option(help="The folder for the devices' bundles.")],
    config: Config = _CENTRAL_TOML,
) -> None:
    """Add many windows and enrol their devices at once, from a table.

    It can be repeated: what is there already stays as it is.

    Example: pingjia central hall import xj-01 windows.csv --bundles bundles
    """
    settings = load_settings(config)
    keys = DeviceKeys(read_master_secret(settings.master_secret_file))
    places = read_roster(roster)
    with open_enrolment(settings) as enrolment:
        new = enrolment.equip(hall, places, keys.key, bundles)
    print(f"hall {hall} has the {len(places)} windows; bundles of {new} new devices in {bundles}")


@window_app.command("add")
def add_window(
    hall: Annotated[str, typer.Option()],
    window: Annotated[str, typer.Option()],
    name: Annotated[str, typer.Option(help="What people read: 1号窗口.")],
    config: Config = _CENTRAL_TOML,
) -> None:
    """Add a window to a hall."""
    with open_enrolment(load_settings(config)) as enrolment:
        enrolment.add_window(hall, window, name)
    print(f"added window {window} to hall {hall}")


@app.command()
def enrol(
    device: Annotated[str, typer.Option()],
    hall: Annotated[str, typer.Option()],
    window: Annotated[str, typer.Option()],
    out: Annotated[Path, typer.Option(help="A new file for the bundle, which has the key.")],
    config: Config = _CENTRAL_TOML,
) -> None:
    """Enrol a device at a window, and write the bundle that the workbench puts on it."""
    settings = load_settings(config)
    keys = DeviceKeys(read_master_secret(settings.master_secret_file))
    with open_enrolment(settings) as enrolment:
        epoch = enrolment.enrol(device, hall, window, keys.key, out)
    print(f"enrolled {device} at {hall}/{window}, epoch {epoch}; its bundle is {out}")


@app.command()
def revoke(
    device: str,
    reason: Annotated[str, typer.Option(help="Why; kept with the device.")],
    at: Annotated[
        datetime | None, typer.Option(help="Since when it is not trusted, local time; now.")
    ] = None,
    config: Config = _CENTRAL_TOML,
) -> None:
    """Revoke a device: its hall refuses it, what it signs from then on is marked, not counted."""
    at_ms = None if at is None else round(at.timestamp() * 1000)
    with open_enrolment(load_settings(config)) as enrolment:
        count = enrolment.revoke(device, at_ms, reason)
    print(f"revoked {device}; {count} records that are held were signed after that")


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="A new file, .jsonl.gz.")],
    config: Config = _CENTRAL_TOML,
) -> None:
    """Write all that is kept to a file, which can be kept elsewhere and verified later."""
    database = open_database(load_settings(config).database_url)
    try:
        count = write_export(database, out)
    finally:
        database.close()
    print(f"wrote {count} rows to {out}")


@app.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export to verify; without it, the database.")
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Stored since.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Stored until.")
    ] = None,
    config: Config = _CENTRAL_TOML,
) -> None:
    """Hold every record, chain, receipt and count against the signed envelopes."""
    settings = load_settings(config)
    keys = DeviceKeys(read_master_secret(settings.master_secret_file))
    end = None if last is None else last + timedelta(days=1)
    wanted = Range(*(None if day is None else start_of(day.date()) for day in (first, end)))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        records = progress.add_task("verified records", total=None)
        with _opened(settings.database_url, file) as database, database.read() as connection:
            count, names = 0, Counter[str]()

            def read(more: int) -> None:
                nonlocal count
                count += more
                progress.update(records, description=f"verified {count} records")

            for fault in audit(connection, keys.key, wanted, read):
                names[fault.name] += 1
                print(f"{fault.name}: {fault.where}: {fault.sentence}")
    if names:
        told = ", ".join(f"{name} {number}" for name, number in sorted(names.items()))
        print(f"verified {count} records; what does not hold: {told}")
        raise typer.Exit(1)
    print(f"verified {count} records: everything holds")


@token_app.command("add")
def add_token(
    scope: Annotated[
        str,
        typer.Option(
            help="pages:read for a supervisor's browser, figures:read for a program that wants "
            "counts, records:read for one that wants records, hall:<hall> for a gateway, "
            "enrol:<hall> for a technician's bench."
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new file for the token.")],
    config: Config = _CENTRAL_TOML,
) -> None:
    """Make a token, and write it to a file."""
    with open_enrolment(load_settings(config)) as enrolment:
        enrolment.add_token(scope, out)
    print(f"made a token with the scope {scope} in {out}")


@token_app.command("list")
def list_tokens(config: Config = _CENTRAL_TOML) -> None:
    """List the tokens: the id that stands in each after `pj_`, its scope, since when."""
    with open_enrolment(load_settings(config)) as enrolment:
        for token in enrolment.tokens():
            until = f", revoked {_time(token.revoked_at_ms)}" if token.revoked_at_ms else ""
            print(f"{token.id}  {token.scopes}, since {_time(token.created_at_ms)}{until}")


@token_app.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` gives it.")],
    config: Config = _CENTRAL_TOML,
) -> None:
    """Take a token back: the running centre refuses it from now on."""
    with open_enrolment(load_settings(config)) as enrolment:
        enrolment.revoke_token(token_id)
    print(f"revoked the token {token_id}")


@settings_app.command("set")
def set_settings(
    file: Annotated[Path, typer.Argument(help="TOML or JSON, as deploy/settings.toml.")],
    hall: Annotated[str, typer.Option()],
    window: Annotated[str | None, typer.Option(help="Only this window.")] = None,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    config: Config = _CENTRAL_TOML,
) -> None:
    """Set wording, reasons, times, volume and staff card of a hall, a window or a device.

    Each device gets them signed with its own key, uses them at once, and says so in its state.
    """
    content = device_settings.read_file(file)
    with _opened(load_settings(config).database_url, None) as database:
        place = (hall, window, device)
        version, count = device_settings.put(database, now_ms, place, content)
    print(f"set version {version} for {' '.join(filter(None, place))}, devices: {count}")


@settings_app.command("list")
def list_settings(
    hall: Annotated[str, typer.Option()],
    config: Config = _CENTRAL_TOML,
) -> None:
    """What was set in a hall, the newest first; the gateway shows which version a device uses."""
    url = load_settings(config).database_url
    with _opened(url, None) as database, database.read() as connection:
        versions = of_hall(connection, hall)
    if not versions:
        print(f"nothing was set for {hall}: its devices use the built-in settings, version 0")
    for row in versions:
        place = " ".join(filter(None, (row.hall, row.window, row.device)))
        print(f"version {row.version}, {_time(row.set_at_ms)}: {place}\n  {row.content}")


@app.command()
def run(
    config: Config = _CENTRAL_TOML,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End when standard input ends.")
    ] = False,
) -> None:
    """Run the centre; `ready http://HOST:PORT` on standard output says that it listens."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    settings = load_settings(config)
    require_safe_listener(settings)
    centre = Centre(settings)
    try:
        process.serve(centre.app, settings, until_stdin_closes, centre.site.close)
    finally:
        centre.close()


@contextmanager
def _opened(database_url: str, file: Path | None) -> Iterator[Database]:
    if file is not None:
        with open_export(file) as database:
            yield database
        return
    database = open_database(database_url)
    try:
        yield database
    finally:
        database.close()


def _pem(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        pem = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CentralError(f"{path} cannot be read as PEM: {error}.") from None
    if "-----BEGIN CERTIFICATE-----" not in pem or len(pem) > 65536:
        raise CentralError(f"{path} is no certificate in PEM form.")
    return pem


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).strftime("%Y-%m-%d %H:%M:%S")
