"""`pingjia central recount`, and what the policy commands open: a judge that moves no time."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_url
from central.config import Config, load_config
from central.ratings import recount
from central.ratings.judge import Judge
from central.ratings.versions import Rules, load_rules, require_accepted
from central.steady import PlainClock
from central.store.database import Database
from central.store.judged import standings


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("recount")(recount_all)


def recount_all(config: ConfigFile = CENTRAL_TOML) -> None:
    """Count everything again from the facts, put right what is wrong, and say what it was.

    The centre may run meanwhile. What waits for the judge is left to it.
    """
    chosen = load_config(config)
    rules = rules_of(chosen)
    wrong = halls = 0

    def tell(hall: recount.Hall) -> None:
        nonlocal wrong, halls
        halls += 1
        for name, where, sentence in recount.faults_of(hall):
            wrong += 1
            print(f"{name}: {where}: {sentence}")

    with opened_url(chosen) as database, still_judge(database, rules) as judge:
        recount.recount(database, judge, tell)
    if wrong:
        print(f"counted {halls} halls again: {wrong} were wrong, and are put right")
    else:
        print(f"counted {halls} halls again: everything was right")


def rules_of(config: Config) -> Rules:
    """The rules that a centre with these settings has."""
    return load_rules(config.profile, config.profiles, config.overrides, config.calendar)


@contextmanager
def still_judge(database: Database, rules: Rules) -> Iterator[Judge]:
    """A judge whose time stands where it was settled last, so that a command decides nothing by
    its own clock.
    """
    with database.read() as connection:
        settled_ms = standings.state(connection).settled_ms
        require_accepted(connection, rules, settled_ms)
    yield Judge(database, rules, PlainClock(lambda: settled_ms))
