"""`pingjia central clock …`: the centre's time beside that of its machine."""

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database
from central.steady import NEAR_MS, SteadyClock
from central.store import clocks
from central.timekeeper import accept
from hosting import clock
from hosting.clock import written


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="The centre's time (时钟), and the clock of its machine.", no_args_is_help=True
    )
    group.command("show")(show)
    group.command("accept")(accept_wall_clock)
    app.add_typer(group, name="clock")


def show(config: ConfigFile = CENTRAL_TOML) -> None:
    """Show both clocks, how far they differ, and what the halls say."""
    with opened_database(config) as database, database.read() as connection:
        kept = clocks.kept_time(connection)
    wall_ms = clock.now_ms()
    print(f"this machine's clock  {written(wall_ms)} (Asia/Shanghai)")
    if kept is None:
        print("the centre's time     no centre has run on this database: it will begin with this")
        return
    doubt = SteadyClock(kept.newest_ms, lambda: wall_ms).doubt()
    print(f"the centre's time     {written(kept.newest_ms)}, as kept at most half a minute ago")
    if doubt is None:
        print("difference            under a minute, which is followed at once")
    else:
        print(f"difference            {told(doubt.difference_ms)}")
    print(
        f"halls                 {kept.halls} heard since the centre started: "
        f"{kept.near_steady} agree with the centre's time, {kept.near_wall} with this machine's"
    )


def accept_wall_clock(config: ConfigFile = CENTRAL_TOML) -> None:
    """Let the centre follow this machine's clock at once, whatever the difference.

    Look before whether this machine has the right time: devices and figures will go by it.
    """
    with opened_database(config) as database:
        doubt = accept(database)
    if doubt is None:
        print(f"nothing to accept: the clocks differ by no more than {NEAR_MS // 1000} s")
        return
    print(
        f"accepted: this machine's clock is {told(doubt.difference_ms)}. The centre's time was "
        f"{written(doubt.steady_ms)} and becomes {written(doubt.wall_ms)} (Asia/Shanghai); "
        "running centres take it over within a minute"
    )


def told(difference_ms: int) -> str:
    """By how much the machine's clock is ahead or behind, in words."""
    seconds = abs(difference_ms) // 1000
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"))
    amount = " ".join([f"{count} {unit}" for count, unit in parts if count])
    return f"{amount} {'ahead' if difference_ms > 0 else 'behind'}"
