"""`pingjia central hall …` and `window …`."""

import ipaddress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, FromDay, opened_database, time_of
from central.directory.cells import day_number
from central.directory.halls import DAY_MS, Halls, broker_ca
from central.directory.register import Change
from hosting.clock import day, written
from hosting.error import OperatorError
from hosting.listener import address


def add_to(app: typer.Typer) -> None:
    """Add the groups."""
    halls = typer.Typer(help="Halls (大厅).", no_args_is_help=True)
    halls.command("add")(add_hall)
    halls.command("list")(list_halls)
    halls.command("set")(set_hall)
    halls.command("broker")(show_broker)
    halls.command("remove")(remove_hall)
    halls.command("carry")(carry)
    windows = typer.Typer(help="Windows of a hall (窗口).", no_args_is_help=True)
    windows.command("add")(add_window)
    windows.command("list")(list_windows)
    windows.command("rename")(rename_window)
    windows.command("remove")(remove_window)
    windows.command("rest")(rest)
    app.add_typer(halls, name="hall")
    app.add_typer(windows, name="window")


def add_hall(
    hall: str,
    mqtt_host: Annotated[str, typer.Option(help="Where devices reach the hall's broker.")],
    mqtt_port: Annotated[int, typer.Option(min=1, max=65535)],
    token_out: Annotated[Path, typer.Option(help="A new file for the gateway's token.")],
    name: Annotated[str, typer.Option(help="What people call the hall.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The broker's CA, PEM.")] = None,
    carries_every: Annotated[
        int | None, typer.Option(metavar="DAYS", help="It has no network: files are carried.")
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Add a hall, and write the token for its gateway."""
    with opened_database(config) as database:
        place = (hall, name or hall, mqtt_host, mqtt_port)
        Halls(database, time_of(database)).add(*place, _pem(ca), token_out, carries_every)
    print(f"added hall {hall}; its gateway's token is in {token_out}")
    _warn_of_names(mqtt_host)


def list_halls(config: ConfigFile = CENTRAL_TOML) -> None:
    """List the halls that have a gateway: where they lie, their broker, when they were heard."""
    with opened_database(config) as database:
        rows = Halls(database, time_of(database)).listed()
    if not rows:
        print("no hall has a gateway yet: `pingjia central hall add`")
    for row, region, windows, devices in rows:
        heard = "never heard" if row.heard_at_ms is None else f"heard {written(row.heard_at_ms)}"
        where = f"region {region}" if region else "no region"
        broker = f"broker {address(row.mqtt_host, row.mqtt_port)}"
        there = f"{windows} windows, {devices} devices"
        sends = _carries(row.carry_ms)
        print(f"{row.hall}  {row.name}  {where}, {broker}, {sends}, {there}, {heard}")


def set_hall(
    hall: str,
    name: Annotated[str | None, typer.Option(help="What people call it from today on.")] = None,
    mqtt_host: Annotated[str | None, typer.Option(help="Its broker's host, for bundles.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    broker_next: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where devices also look for it; `none`: nowhere."),
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="The CA of the broker named here, PEM.")] = None,
    move: Annotated[bool, typer.Option("--move", help="Although devices may not follow.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Change a hall's name or its broker; what changes is said.

    A broker moves in two steps: --broker-next tells its devices where else to look, and when
    `pingjia central hall broker HALL` says that all of them know, --mqtt-host is for new bundles.
    """
    broker = {"mqtt_host": mqtt_host, "mqtt_port": mqtt_port}
    if broker_next is None:
        broker["mqtt_ca"] = _pem(ca)
    broker = {key: value for key, value in broker.items() if value is not None}
    if broker_next is not None and broker:
        raise OperatorError("one step at a time: --broker-next now, --mqtt-host when all know it.")
    if name is None and not broker and broker_next is None:
        what = "--name, --broker-next, --mqtt-host, --mqtt-port or --ca"
        raise OperatorError(f"name what is to change: {what}.")
    with opened_database(config) as database:
        halls = Halls(database, time_of(database))
        if broker:
            before, lost = halls.set_broker(hall, broker, move)
            after, _, _ = halls.broker(hall)
            was, now = (address(row.mqtt_host, row.mqtt_port) for row in (before, after))
            print(f"hall {hall}: the broker was {was} and is {now} in new bundles")
            if lost:
                print(f"{len(lost)} devices still have the former one: they need bundles anew")
        if broker_next is not None:
            _set_further(halls, hall, broker_next, _pem(ca), move)
        changes = halls.rename(hall, None, name, None) if name is not None else None
    if changes is not None:
        _print(changes)
    _warn_of_names(mqtt_host)


def show_broker(hall: str, config: ConfigFile = CENTRAL_TOML) -> None:
    """Show where a hall's devices look for its broker, and which of them know the next one."""
    with opened_database(config) as database:
        _print_broker(Halls(database, time_of(database)), hall)


def _set_further(halls: Halls, hall: str, where: str, pem: str | None, moves: bool) -> None:
    if where == "none":
        is_new = halls.end_further(hall, moves)
    else:
        host, _, port = where.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise OperatorError(
                f"--broker-next {where} is no HOST:PORT, such as mqtt.example:8883."
            )
        is_new = halls.set_further(hall, host.strip("[]"), int(port), pem, moves)
        _warn_of_names(host.strip("[]"))
    if not is_new:
        print("nothing changes")
    _print_broker(halls, hall)


def _print_broker(halls: Halls, hall: str) -> None:
    row, devices, unaware = halls.broker(hall)
    print(f"hall {hall}: the broker is {address(row.mqtt_host, row.mqtt_port)}")
    if row.further_host is None:
        print("no next address is told to its devices")
        return
    where = address(row.further_host, row.further_port)
    print(f"next: {where}, settings version {row.further_version}")
    print(f"{len(devices) - len(unaware)} of {len(devices)} devices know it")
    for device, used in unaware:
        print(f"{device}  not yet, {'not heard' if used is None else f'uses version {used}'}")
    if unaware:
        print(f"ask again in two minutes: `pingjia central hall broker {hall}`")
    is_done = (row.mqtt_host, row.mqtt_port) == (row.further_host, row.further_port)
    if is_done:
        lost = len(halls.elsewhere(hall))
        print(
            f"it has moved: {lost} devices have bundles with a former address, and need this told"
            if lost
            else "it has moved, and all bundles name it: `--broker-next none` ends the telling"
        )
    elif not unaware:
        print(
            "all know it: move the broker, then "
            f"`pingjia central hall set {hall} --mqtt-host {row.further_host}`"
        )


def remove_hall(hall: str, config: ConfigFile = CENTRAL_TOML) -> None:
    """Let a hall end today; what it rated stays. Refused while it has devices."""
    with opened_database(config) as database:
        _print(Halls(database, time_of(database)).remove(hall))


def list_windows(hall: str, config: ConfigFile = CENTRAL_TOML) -> None:
    """List a hall's windows: which devices stand there, and which of them rest until when."""
    with opened_database(config) as database:
        rows = Halls(database, time_of(database)).windows(hall)
    for row, devices in rows:
        why = f" ({row.rest_reason})" if row.rest_reason else ""
        until = f", rests until {day(row.rest_until_ms)}{why}" if row.rest_until_ms else ""
        print(f"{row.window}  {row.name}  {', '.join(devices) or 'no device'}{until}")


def rename_window(
    hall: str,
    window: str,
    name: Annotated[str, typer.Argument(help="What people read: 1号窗口.")],
    from_day: FromDay = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Give a window another name, from today or another day on; its id stays."""
    since = None if from_day is None else day_number(from_day.date())
    with opened_database(config) as database:
        _print(Halls(database, time_of(database)).rename(hall, window, name, since))


def remove_window(hall: str, window: str, config: ConfigFile = CENTRAL_TOML) -> None:
    """Let a window end today; what was rated there stays. Refused while a device stands there."""
    with opened_database(config) as database:
        _print(Halls(database, time_of(database)).remove_window(hall, window))


def _print(changes: list[Change]) -> None:
    for change in changes:
        print(change)
    if not changes:
        print("nothing changes")


def add_window(
    hall: Annotated[str, typer.Option()],
    window: Annotated[str, typer.Option()],
    name: Annotated[str, typer.Option(help="What people read: 1号窗口.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Add a window to a hall."""
    with opened_database(config) as database:
        Halls(database, time_of(database)).add_window(hall, window, name)
    print(f"added window {window} to hall {hall}")


def carry(
    hall: str,
    every: Annotated[int | None, typer.Option(metavar="DAYS", help="1 to 30.")] = None,
    is_ended: Annotated[bool, typer.Option("--end", help="It has a network.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Say how often the files of a hall without a network arrive; its limits are longer then."""
    if (every is None) != is_ended:
        raise OperatorError("say how often, with --every DAYS, or --end.")
    with opened_database(config) as database:
        Halls(database, time_of(database)).carry(hall, every)
    print(f"hall {hall}: {_carries(None if every is None else every * DAY_MS)}")


def rest(
    hall: str,
    window: str,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which it is in use again, in China."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; shown with it.")] = None,
    is_ended: Annotated[bool, typer.Option("--end", help="It is in use again now.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Put a window to rest until a day: nobody misses its device, which counts as ever.

    Example: pingjia central window rest xj-01 w3 --until 2027-03-01 --reason 装修
    """
    if (until is None) != is_ended:
        raise OperatorError("say until which day, with --until DAY, or --end.")
    with opened_database(config) as database:
        halls = Halls(database, time_of(database))
        if until is None:
            halls.end_rest(hall, window)
            print(f"window {window} of hall {hall} is in use again")
        else:
            halls.rest(hall, window, until.date(), reason)
            print(f"window {window} of hall {hall} rests until {until.date()}")


def _carries(carry_ms: int | None) -> str:
    if carry_ms is None:
        return "by network"
    return f"files are carried every {carry_ms // DAY_MS} days"


def _warn_of_names(mqtt_host: str | None) -> None:
    try:
        ipaddress.ip_address(mqtt_host or "127.0.0.1")
    except ValueError:
        print(
            f"{mqtt_host} is a name: devices need the hall's name server to find it; an address "
            "in numbers needs nobody"
        )


def _pem(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return broker_ca(path.read_bytes())
    except (OSError, ValueError) as error:
        raise OperatorError(f"{path} is no CA in PEM form: {error}.") from None
