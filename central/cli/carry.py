"""`pingjia central carry`: what a hall without a network has sent by file, told to the centre."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from hosting.clock import now_ms
from hosting.copies.carried import ANSWERS, BATCHES, read_carried, write_carried
from hosting.error import OperatorError
from hosting.secret_file import read_token

_WAIT_S = 120.0
_ANSWER_BYTES = 64 * 1024 * 1024


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(carry)


def carry(
    file: Annotated[Path, typer.Argument(help="What `pingjia gateway carry out` wrote.")],
    answers: Annotated[Path, typer.Argument(help="A new file, for `pingjia gateway carry in`.")],
    token_file: Annotated[Path, typer.Option(help="With the hall's token.")],
    centre: Annotated[
        str, typer.Option(help="The address of the running centre.")
    ] = "http://127.0.0.1:8443",
    ca: Annotated[Path | None, typer.Option(help="Whom to trust: its CA, PEM.")] = None,
) -> None:
    """Tell the running centre what a hall has sent by file, and write its answers into another.

    Done again, also after it was cut off, it counts nothing twice.
    Example: pingjia central carry xj-01.out xj-01.in --token-file xj-01.token
    """
    if answers.exists():
        raise OperatorError(f"{answers} is there already: name a new file.")
    header, lines = read_carried(file, BATCHES)
    hall = str(header.get("hall"))
    door = _Door(centre.rstrip("/"), read_token(token_file, "`pingjia central token add`."), ca)
    said: dict[str, int] = {}

    def answered() -> Iterator[dict[str, Any]]:
        for line in lines:
            answer = door.ask("/v1/batches", str(line.get("body")).encode())
            for verdict in json.loads(answer)["verdicts"]:
                said[verdict["verdict"]] = said.get(verdict["verdict"], 0) + 1
            yield {"sent": line.get("sent"), "answer": answer}
        yield {"document": door.ask(f"/v1/halls/{hall}")}

    told = {"format": ANSWERS, "hall": hall, "book": header.get("book"), "at_ms": now_ms()}
    write_carried(answers, told, answered())
    verdicts = ", ".join(f"{count} {word}" for word, count in sorted(said.items())) or "nothing"
    print(f"hall {hall}: {verdicts}")
    print(f"carry {answers} back: `pingjia gateway carry in`")


class _Door:
    """A running centre. Raises OperatorError for one that does not answer as it should."""

    def __init__(self, url: str, token: str, ca: Path | None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            trusted = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError):
            raise OperatorError(f"{ca} is no CA in PEM form.") from None
        # No proxy of the environment: the centre is this machine, or near.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
        )

    def ask(self, path: str, body: bytes | None = None) -> str:
        request = urllib.request.Request(f"{self._url}{path}", body, self._headers)
        try:
            with self._opener.open(request, timeout=_WAIT_S) as answer:
                return answer.read(_ANSWER_BYTES).decode()
        except urllib.error.HTTPError as error:
            with error:
                told = error.read(500).decode(errors="replace")
            raise OperatorError(
                f"{self._url} answers {error.code} to {path}: {told}. Is the token this hall's? "
                "What was told before this stays; do it again when it is mended."
            ) from None
        except (OSError, ValueError) as error:
            raise OperatorError(f"{self._url} does not answer: {error}. Does it run?") from None
