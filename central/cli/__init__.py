"""`pingjia central …`: thin commands, a file for each group of them."""

import typer

from central.cli import (
    audit,
    clock,
    device,
    directory,
    doctor,
    epoch,
    hall,
    judged,
    policy,
    rehearse,
    run,
    settings,
    token,
)

app = typer.Typer(help="省级归集系统 The centre.", no_args_is_help=True, add_completion=False)
run.add_to(app)
rehearse.add_to(app)
doctor.add_to(app)
directory.add_to(app)
hall.add_to(app)
device.add_to(app)
epoch.add_to(app)
token.add_to(app)
settings.add_to(app)
policy.add_to(app)
clock.add_to(app)
audit.add_to(app)
judged.add_to(app)
