"""`pingjia gateway init`."""

import re
from typing import Annotated

import typer

import shipped
from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.config import load_config
from hosting.error import OperatorError
from hosting.text_file import write_new_text


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


def init(
    hall: Annotated[str, typer.Option(help="The hall's id, as the centre knows it.")],
    centre: Annotated[str, typer.Option(help="The centre's address, https://…")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Write the settings file of a hall's gateway, which explains every key.

    Example: pingjia gateway init --hall xj-01 --centre https://centre.example.gov.cn
    """
    text = shipped.example("gateway.toml")
    for key, value in (("hall", hall), ("centre_url", centre)):
        if '"' in value or "\\" in value or not value.isprintable():
            raise OperatorError(f"{value!r} can be no {key}.")
        text = re.sub(rf'^{key} = ".*"$', f'{key} = "{value}"', text, flags=re.MULTILINE)
    write_new_text(config, text)
    try:
        chosen = load_config(config)
    except OperatorError:
        config.unlink()  # of wrong options nothing stays
        raise
    name = f" --config {config}" if config != GATEWAY_TOML else ""
    typer.echo(f"made {config}")
    typer.echo(
        f"next: put the hall's token from the centre into {chosen.centre_token_file} (0600)"
    )
    typer.echo(f"then: pingjia gateway secure --name ADDRESS{name}, with this machine's address")
    typer.echo(f"then: pingjia gateway run{name}")
