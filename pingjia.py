"""`pingjia`, the one command: it mounts each tier's sub-command and nothing else.

What went wrong, for the person who must act, is a sentence on standard error and exit code 1,
here and nowhere else; `pingjia --debug …` shows where it arose.
"""

import typer
from typer.core import TyperGroup

import central.cli
import gateway.cli
import simulator.cli
import workbench.cli
from central.error import CentralError
from gateway.error import GatewayError
from workbench.error import WorkbenchError

ERRORS = (*simulator.cli.ERRORS, GatewayError, CentralError, WorkbenchError)


class _Commands(TyperGroup):
    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except ERRORS as error:
            if ctx.params["debug"]:
                raise
            typer.echo(f"pingjia: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def pingjia(debug: bool = typer.Option(False, help="Show where an error arose.")):
    """Pingjia 评价: the open system behind the rating device on a government counter."""


app.command()(simulator.cli.demo)
app.add_typer(simulator.cli.app, name="sim", no_args_is_help=True)
app.add_typer(gateway.cli.app, name="gateway")
app.add_typer(central.cli.app, name="central")
app.add_typer(workbench.cli.app, name="workbench")


if __name__ == "__main__":
    app()
