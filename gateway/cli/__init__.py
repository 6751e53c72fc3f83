"""`pingjia gateway …`: thin commands, a file for each group of them."""

import typer

from gateway.cli import (
    broker,
    carry,
    console,
    copies,
    doctor,
    init,
    quarantine,
    run,
    secure,
    status,
    token,
)

app = typer.Typer(help="大厅网关 The hall's gateway.", no_args_is_help=True, add_completion=False)
init.add_to(app)
run.add_to(app)
status.add_to(app)
doctor.add_to(app)
token.add_to(app)
console.add_to(app)
quarantine.add_to(app)
broker.add_to(app)
secure.add_to(app)
copies.add_to(app)
carry.add_to(app)
