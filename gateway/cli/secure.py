"""`pingjia gateway secure`."""

from typing import Annotated

import typer

from gateway.broker import intruder
from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.config import SECURE_DIR, load_config
from gateway.keep.certificates import Certificates, now_utc
from hosting.error import OperatorError


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(secure)


def secure(
    name: Annotated[
        list[str] | None,
        typer.Option(help="Where devices and queue systems reach this machine; repeat it."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; look at the broker as a stranger.")
    ] = False,
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Make the hall's CA and the certificate of broker and API; run it again to renew or rename.

    Example: pingjia gateway secure --name 10.1.2.3
    """
    chosen = load_config(config)
    folder = chosen.secure_dir or config.resolve().parent / SECURE_DIR
    certificates = Certificates(folder)
    if check:
        _check(certificates, name or [], chosen.mqtt_port)
        return
    is_new = not certificates.ca.exists()
    if is_new and not name:
        raise OperatorError("name where devices reach this machine: --name 10.1.2.3")
    certificates.make(chosen.hall, name or certificates.names(), now_utc())
    typer.echo(
        f"{'made' if is_new else 'kept'} the hall's CA {certificates.ca}; the certificate is for "
        f"{', '.join(certificates.names())} and ends in {certificates.days_left(now_utc())} days"
    )
    if chosen.secure_dir is None:
        typer.echo(f'to use it, say in {config}: secure_dir = "{folder.name}"')
    if is_new:
        typer.echo(
            f"devices trust it when the centre knows it: give {certificates.ca} (no secret) to "
            "`pingjia central hall add … --ca`, or `hall set HALL --ca`. Keep ca.key here."
        )
        typer.echo("a mosquitto needs its configuration anew: pingjia gateway broker-files")


def _check(certificates: Certificates, names: list[str], port: int) -> None:
    is_good = True
    for host in names or [certificates.names()[0]]:
        for what, wrong in intruder.look(host, port, certificates.ca):
            typer.echo(f"{host}:{port}  {what}: {'right' if wrong is None else wrong}")
            is_good = is_good and wrong is None
    days = certificates.days_left(now_utc())
    typer.echo(f"the certificate ends in {days} days")
    if not is_good or days < 0:
        raise typer.Exit(1)
