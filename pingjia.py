"""`pingjia`, the one command: it finds each tier's sub-command and nothing else.

A tier is imported when it is called for: the gateway of a hall starts without the centre's code.
What went wrong, for the person who must act, is a sentence on standard error and exit code 1,
here and nowhere else; `pingjia --debug …` shows where it arose.
"""

import gc
import os
import select
import sys
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper

import typer
from typer.core import TyperGroup

from hosting.error import OperatorError
from hosting.log import harmless

ERRORS = (OperatorError, OSError)
_COMMANDS = {
    "demo": ("simulator.cli.demo", "app"),
    "sim": ("simulator.cli.sim", "app"),
    "gateway": ("gateway.cli", "app"),
    "central": ("central.cli", "app"),
    "workbench": ("workbench.cli", "app"),
}


class _Commands(TyperGroup):
    def list_commands(self, ctx):
        return list(_COMMANDS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command = typer.main.get_command(getattr(_imported(module), name))
        command.name = cmd_name
        return command

    def make_context(self, *args, **more):
        # A terminal without Chinese gets \u5927 instead of an error, from `--help` on.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        return super().make_context(*args, **more)

    def invoke(self, ctx):
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
            return answer
        except ERRORS as error:
            if isinstance(error, BrokenPipeError) and _is_unread():
                raise typer.Exit(1) from None
            if ctx.params["debug"]:
                raise
            typer.echo(f"pingjia: {_told(error)}", err=True)
            raise typer.Exit(1) from None


def _told(error: Exception) -> str:
    """Its sentences; what they quote moves no terminal."""
    return "\n".join(harmless(line) for line in f"{error}".split("\n"))


def _is_unread():
    """Whether who read our output has gone, as `| head` does; then nothing more goes there."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, 0)
    is_gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if is_gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return is_gone


def _imported(module):
    """A module, imported without looking for garbage where there is none: a fifth quicker."""
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()
        gc.enable()


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _say_version(is_wanted: bool):
    if is_wanted:
        typer.echo(f"pingjia {version('pingjia')}")
        raise typer.Exit


@app.callback()
def pingjia(
    debug: bool = typer.Option(False, help="Show where an error arose."),
    _version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_say_version, help="Show the version."
    ),
):
    """Pingjia 评价: the open system behind the rating device on a government counter."""


if __name__ == "__main__":
    app()
