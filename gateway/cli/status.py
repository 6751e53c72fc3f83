"""`pingjia gateway status`: asks the running service, and reads the database if there is none."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.config import Config, load_config, trust_in_api
from gateway.gateway import DATABASE
from gateway.keep.certificates import days_shown
from gateway.store.last_words import last_words
from gateway.upward.centre import fetch
from hosting.clock import now_ms
from hosting.doctor import DOWN, FINE, LOOK, silence, span
from hosting.error import OperatorError
from hosting.log import harmless

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
_UNIT = "pingjia-gateway"
AsJson = Annotated[bool, typer.Option("--json", help="For programs: what /healthz says.")]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(config: ConfigFile = GATEWAY_TOML, is_json: AsJson = False) -> None:
    """Say how the hall is. Ends with 0 if all is well, 1 to look, 3 if it is down."""
    chosen = load_config(config)
    try:
        told = ask(chosen)
    except OperatorError as error:
        if is_json:
            typer.echo(json.dumps({"status": "down", "hall": chosen.hall, "detail": str(error)}))
        else:
            typer.echo(f"gateway         DOWN: {harmless(str(error))}")
            for line in _last_words(chosen.data_dir / DATABASE):
                typer.echo(line)
        raise typer.Exit(DOWN) from None
    if is_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        for line in _lines(told):
            typer.echo(harmless(line))
        days = days_shown(chosen.secure_dir)
        if days is not None:
            typer.echo(f"certificate     of broker and API, ends in {days} days")
    raise typer.Exit(FINE if told["status"] == "ok" else LOOK)


def ask(config: Config) -> dict[str, Any]:
    """What the running gateway of this hall says of itself. Raises OperatorError if none does."""
    if config.api_listen_port == 0:
        raise OperatorError(
            "api_listen_port is 0, so nobody knows where it listens: name a port in the settings."
        )
    host = _ANYWHERE.get(config.api_listen_host, config.api_listen_host)
    trusted = trust_in_api(config)
    url = f"{'https' if trusted else 'http'}://{host}:{config.api_listen_port}"
    try:
        _, body = fetch(f"{url}/healthz", trusted)
    except OSError as error:
        raise OperatorError(silence(url, _UNIT, error)) from None
    try:
        told = json.loads(body)
        if told["hall"] == config.hall and "alarms" in told:
            return told
    except (ValueError, TypeError, KeyError):
        pass
    raise OperatorError(
        f"what answers on {url} is no gateway of {config.hall}. Which program has that port "
        "(ss -ltnp)? See api_listen_port."
    )


def _lines(told: dict[str, Any]) -> list[str]:
    devices = told["devices"] or {}
    counts = ", ".join(f"{count} {state}" for state, count in devices.items() if count)
    since_ms, ago_s = told["waiting_since_ms"], told["centre_s"]
    oldest = f", the oldest for {span(now_ms() - since_ms)}" if since_ms else ""
    waiting = "unknown: the database cannot be read"
    if told["waiting"] is not None:
        waiting = f"{told['waiting']} records, {told['waiting_documents']} service documents"
    version = told["hall_version"]
    return [
        f"gateway         runs, {told['status']}, version {told['version']}",
        f"hall document   {'none yet' if version is None else f'version {version}'}",
        f"broker          {'connected' if told['mqtt'] else 'NOT CONNECTED'}",
        "centre          "
        + ("no answer since the start" if ago_s is None else f"answered {ago_s:.0f} s ago"),
        f"for the centre  {waiting}{oldest}",
        f"rejected there  {told['rejected']} records",
        f"devices         {counts or 'none'}",
        *(f"alarm {name:<9} {sentence}" for name, sentence in sorted(told["alarms"].items())),
    ]


def _last_words(path: Path) -> list[str]:
    """What the database held when the gateway wrote last; it is not changed by this."""
    if not path.exists():
        return [f"database        {path} does not exist yet: the gateway was never started"]
    try:
        held = last_words(path)
    except OperatorError as error:
        return [f"database        {error}"]
    return [
        f"for the centre  {held.records} records, {held.documents} service documents, as its "
        "database has them"
    ]
