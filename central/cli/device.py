"""`pingjia central enrol`, `revoke` and `device …`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from central.cli.opened import (
    CENTRAL_TOML,
    ConfigFile,
    device_keys,
    keys_in,
    opened_database,
    opened_url,
    time_of,
)
from central.config import load_config
from central.directory.approval import Approval
from central.directory.devices import Devices, revoke_device
from hosting.clock import CHINA, written
from hosting.error import OperatorError


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(enrol)
    app.command()(revoke)
    group = typer.Typer(help="Enrolments (登记), and their approval.", no_args_is_help=True)
    group.command("list")(list_devices)
    group.command("approve")(approve)
    group.command("refuse")(refuse)
    group.command("move")(move)
    app.add_typer(group, name="device")


def enrol(
    device: Annotated[str, typer.Option()],
    hall: Annotated[str, typer.Option()],
    window: Annotated[str, typer.Option()],
    out: Annotated[Path, typer.Option(help="A new file for the bundle, which has the key.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Enrol anew a device that was enrolled before.")
    ] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Enrol a device at a window, and write the bundle that the workbench puts on it."""
    chosen = load_config(config)
    keys = device_keys(chosen)
    with opened_url(chosen) as database:
        epoch = Devices(database, keys_in(keys, database).key, time_of(database)).enrol(
            device, hall, window, out, replace
        )
    print(f"enrolled {device} at {hall}/{window}, epoch {epoch}; its bundle is {out}")


def revoke(
    device: str,
    reason: Annotated[str, typer.Option(help="Why; kept with the device.")],
    at: Annotated[
        datetime | None, typer.Option(help="Since when it is not trusted, time in China; now.")
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Revoke a device: its hall refuses it, what it signs from then on is marked, not counted."""
    with opened_database(config) as database:
        now_ms = time_of(database, is_exact=at is None)()
        at_ms = now_ms if at is None else _instant(at)
        count = revoke_device(database, device, at_ms, reason, now_ms)
    print(
        f"revoked {device} since {written(at_ms)} (Asia/Shanghai); {count} records that are held "
        "were signed after that"
    )


def list_devices(
    hall: Annotated[str | None, typer.Option(help="Only this hall's.")] = None,
    pending: Annotated[bool, typer.Option("--pending", help="Only what waits.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """List enrolments: which device, where, since when, by which token, how many ratings wait."""
    with opened_database(config) as database:
        rows = Approval(database, time_of(database)).every(hall, pending)
    if not rows:
        print("no enrolment waits for approval" if pending else "nothing is enrolled")
    for row in rows:
        by = f" by the token {row.enrolled_by}" if row.enrolled_by else ""
        when = f"enrolled {written(row.enrolled_at_ms)}{by}"
        print(f"{row.device}/{row.epoch}  {row.hall}/{row.window}, {when}, {_state(row)}")


def approve(
    devices: Annotated[list[str] | None, typer.Argument(help="As `list` gives them.")] = None,
    hall: Annotated[str | None, typer.Option(help="With --all: which hall's.")] = None,
    is_all: Annotated[bool, typer.Option("--all", help="All that waits in a hall.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Approve enrolments of technicians: their ratings count, from the enrolment on.

    Example: pingjia central device approve --hall xj-01 --all
    """
    if bool(devices) == is_all or is_all != (hall is not None):
        raise OperatorError("name the devices, or a hall with --hall HALL --all.")
    with opened_database(config) as database:
        approval = Approval(database, time_of(database))
        done = approval.approve_all(hall) if hall is not None else approval.approve(devices or [])
    if not done:
        print(f"no enrolment of the hall {hall} waits for approval")
    for one in done:
        where = f"{one.device}/{one.epoch} at {one.hall}/{one.window}"
        print(f"approved {where}; {one.counted} ratings are judged now")


def refuse(
    device: Annotated[str, typer.Argument(help="As `list` gives it.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the device.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Refuse an enrolment: what it rated never counts, and its hall refuses it."""
    with opened_database(config) as database:
        place = Approval(database, time_of(database)).refuse(device, reason)
    print(f"refused {place.device}/{place.epoch} at {place.hall}/{place.window}; it never counts")


def move(
    device: str,
    window: Annotated[str, typer.Argument(help="A window of the same hall.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Let a device stand at another window of its hall; nothing is enrolled anew.

    To another hall it goes with `pingjia workbench enrol` there: that hall has another broker.
    """
    chosen = load_config(config)
    with opened_url(chosen) as database:
        keys = keys_in(device_keys(chosen), database)
        place = Devices(database, keys.key, time_of(database)).move(device, window)
    print(f"{device} stood at {place.hall}/{place.window} and stands at {place.hall}/{window} now")


def _instant(at: datetime) -> int:
    """Epoch milliseconds of a time of day in China. Raises OperatorError for an impossible one."""
    if at.year < 2000:
        raise OperatorError(f"--at {at} lies before there were any devices.")
    return round(at.replace(tzinfo=CHINA).timestamp() * 1000)


def _state(row: Any) -> str:
    if row.refused_at_ms is not None:
        return f"refused {written(row.refused_at_ms)}: {row.revoked_reason}"
    end = f", revoked {written(row.revoked_at_ms)}" if row.revoked_at_ms is not None else ""
    if row.approved_at_ms is None:
        return f"waits for approval, and {row.waiting} ratings with it{end}"
    return f"approved {written(row.approved_at_ms)}{end}"
