"""`pingjia`, the one command: it mounts each tier's sub-command and nothing else.

An error for the person who must act is one sentence and exit code 1; `--debug` shows the rest.
"""

import sys

import central.cli
import gateway.cli
import typer

import simulator.cli
from central.errors import OperatorError
from gateway.error import GatewayError

app = typer.Typer(
    help="Pingjia 评价: the open system behind the rating device on a government counter.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(simulator.cli.demo)
app.add_typer(simulator.cli.app, name="sim", no_args_is_help=True)
app.add_typer(gateway.cli.app, name="gateway", no_args_is_help=True)
app.add_typer(central.cli.app, name="central", no_args_is_help=True)

ERRORS = (*simulator.cli.ERRORS, GatewayError, OperatorError)


def main():
    """Runs `pingjia`."""
    is_debug = "--debug" in sys.argv
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        app(arguments)
    except ERRORS as error:
        if is_debug:
            raise
        sys.exit(f"pingjia: {error}")


if __name__ == "__main__":
    main()
