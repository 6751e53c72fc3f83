"""`pingjia central …`: thin commands, a file for each group, loaded when it is called for."""

from importlib import import_module

import typer
from typer.core import TyperGroup

_FILES = {
    "init": "run",
    "run": "run",
    "rehearse": "rehearse",
    "doctor": "doctor",
    "directory": "directory",
    "hall": "hall",
    "window": "hall",
    "enrol": "device",
    "revoke": "device",
    "device": "device",
    "epoch": "epoch",
    "token": "people",
    "account": "people",
    "settings": "settings",
    "policy": "policy",
    "clock": "clock",
    "carry": "carry",
    "export": "audit",
    "import": "copies",
    "backup": "copies",
    "restore": "copies",
    "verify": "audit",
    "recount": "judged",
}


class _Commands(TyperGroup):
    """A command that looks at a table need not load what serves a province."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.commands: dict = dict.fromkeys(
            _FILES
        )  # their names are what a wrong word is held against

    def list_commands(self, ctx):
        return list(_FILES)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in _FILES:
            return None
        of_file = typer.Typer()
        import_module(f"central.cli.{_FILES[cmd_name]}").add_to(of_file)
        return typer.main.get_group(of_file).commands[cmd_name]


app = typer.Typer(
    cls=_Commands, help="省级归集系统 The centre.", no_args_is_help=True, add_completion=False
)


@app.callback()
def _centre():
    pass
