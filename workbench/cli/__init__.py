"""`pingjia workbench …`: the technician's commands; each is thin over the desk.

A file a group of commands; this one is their list, in the order of `--help`.
"""

import sys

import typer

from shipped import FIRMWARE
from workbench.cli import boards, enrolment, guide, label, rescue, selftest
from workbench.cli.options import DEVICES

app = typer.Typer(
    help="技术员工作台 The technician's bench.", invoke_without_command=True, add_completion=False
)


@app.callback(invoke_without_command=True)
def workbench(context: typer.Context) -> None:
    """From a box of blank boards to a box of working, labelled, enrolled devices.

    Without a command it leads through the work step by step.
    """
    if context.invoked_subcommand is None:
        guide.lead(FIRMWARE, DEVICES, sys.stdin.isatty())


_COMMANDS = {
    "ports": boards.ports,
    "flash": boards.flash,
    "enrol": enrolment.enrol,
    "selftest": selftest.selftest,
    "label": label.print_labels,
    "replace": enrolment.replace,
    "rescue": rescue.rescue_records,
    "deliver": rescue.deliver,
    "network": boards.set_network,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)
