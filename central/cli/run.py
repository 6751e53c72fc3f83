"""`pingjia central init` and `run`."""

from collections.abc import Callable
from typing import Annotated

import typer

from central.centre import Centre, open_centre
from central.cli.opened import CENTRAL_TOML, ConfigFile, make_settings, opened_url
from central.config import (
    Config,
    Role,
    load_config,
    require_safe_listener,
    require_shareable,
)
from central.keys import create_master_secret, read_master_secret
from central.people.raters import create_key, open_raters
from central.ratings.rehearsal import mark
from central.store import directory, places
from hosting import process
from hosting.error import OperatorError
from hosting.listener import listen, url_of
from hosting.log import log_to_stderr
from hosting.server import Server

_KEEP_ALIVE_S = 75  # a quiet hall need not shake hands for every batch
_CONNECTIONS = 20_000
_A_HALL = 3  # what a gateway keeps
_PEOPLE = 500  # who read pages and figures, and benches
_FILES = 256  # for the database and ourselves
GARBAGE_OBJECTS = 100_000  # a batch makes some 10,000


UntilStdinCloses = Annotated[
    bool, typer.Option("--until-stdin-closes", help="End when standard input ends.")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(init)
    app.command()(run)


def init(
    config: ConfigFile = CENTRAL_TOML,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Mark the new database as a rehearsal's, for ever.")
    ] = False,
) -> None:
    """Make what is missing: the settings file, the master secret, the database."""
    make_settings(config)
    chosen = load_config(config)
    with opened_url(chosen) as database:
        if rehearsal:
            mark(database)
        with database.read() as connection:
            has_devices = places.has_devices(connection)
    with opened_url(chosen) as database:  # refused if it is lost
        has_key = open_raters(chosen.personal_key_file, database) is not None
    if not has_key:
        create_key(chosen.personal_key_file)
        print(f"made {chosen.personal_key_file}: keep a copy offline, apart from the database")
    secret = chosen.master_secret_file
    if secret.exists():
        read_master_secret(secret)
        print(f"{secret} is there already")
    elif has_devices:
        raise OperatorError(
            f"{secret} is missing, but devices are enrolled: their keys come from the secret "
            "that was there. Restore it from your backup; a new one would verify none of them."
        )
    else:
        create_master_secret(secret)
        print(f"made {secret}: keep a copy offline, apart from the database")


def run(
    config: ConfigFile = CENTRAL_TOML,
    role: Annotated[
        Role,
        typer.Option(
            help="intake: what halls and business systems send, and the judge; pages: what people "
            "and programs read, at pages_listen_port; all: both in one process."
        ),
    ] = Role.ALL,
    until_stdin_closes: UntilStdinCloses = False,
) -> None:
    """Run the centre; `ready http://HOST:PORT` on standard output says that it listens."""
    chosen = load_config(config)
    serve(chosen, lambda: open_centre(chosen, role), until_stdin_closes, role)


def serve(
    chosen: Config,
    opened: Callable[[], Centre],
    until_stdin_closes: bool,
    role: Role = Role.ALL,
) -> None:
    """Run a centre until its end."""
    log_to_stderr()
    require_safe_listener(chosen)
    require_shareable(chosen, role)
    centre = opened()
    listener = listen(
        chosen.listen_host,
        chosen.port(role),
        "is a centre running there already? listen_port = 0 takes a free port; several centres "
        "on one address all need share_address = true.",
        chosen.share_address,
    )
    url = url_of(listener, "http" if chosen.tls_certificate is None else "https")

    def say_ready() -> None:
        process.say(f"ready {url}")
        process.tell_ready()

    with centre.database.read() as connection:
        needed = _A_HALL * len(directory.hall_rows(connection)) + _PEOPLE
    server = Server(
        centre.app,
        on_ready=say_ready,
        on_beat=process.tell_alive,
        before_stop=centre.site.close,
        connections=process.make_room(_CONNECTIONS, _FILES, needed),
        timeout_keep_alive=_KEEP_ALIVE_S,
        ssl_certfile=chosen.tls_certificate,
        ssl_keyfile=chosen.tls_key,
    )
    process.look_for_garbage_seldom(GARBAGE_OBJECTS)
    process.on_end(server.end, until_stdin_closes)
    centre.on_other_rules = server.end
    try:
        centre.start()
        server.run([listener])
    finally:
        listener.close()
        centre.close()
