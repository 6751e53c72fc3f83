"""Text that people type into a command: what cannot be seen where it stands is refused, with the
name of what is wrong; what strangers wrote moves no terminal when it is told. FAULTS 14, 30
"""

import inspect
import typing
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.hall.intake import NOT_UTF8, Refused
from gateway.store import quarantine
from gateway.store.database import Database
from hosting.clock import day, now_ms
from pingjia import app

# A further line for the log, colours, an end of text, an override of the direction of writing, a
# line separator, an isolate, C1, half a surrogate pair.
HIDDEN = ["\r\n", "\n", "\x1b[31m", "\x00", "\u202e", "\u2028", "\u2066", "\x9b", "\ud800"]

DEVICE, EPOCH = "xj-0417", "29333341"
PLACE = ("--hall", "demo", "--window", "w9")
# What is typed in the place of {}, and what the sentence calls it.
TEXTS = {
    "central revoke reason": ((DEVICE, "--reason", "{}"), "the reason"),
    "central hall add name": (
        ("h2", "--name", "{}", "--mqtt-host", "b", "--mqtt-port", "1", "--token-out", "t"),
        "the hall's name",
    ),
    "central hall add mqtt_host": (
        ("h2", "--mqtt-host", "{}", "--mqtt-port", "1", "--token-out", "t"),
        "the broker's host",
    ),
    "central hall set name": (("demo", "--name", "{}"), "name"),
    "central hall set mqtt_host": (("demo", "--mqtt-host", "{}"), "the broker's host"),
    "central hall set broker_next": (("demo", "--broker-next", "{}:1"), "the broker's host"),
    "central token add name": (
        ("--scope", "pages:read", "--name", "{}", "--out", "t"),
        "the name",
    ),
    "central account add name": (
        ("wangfang", "--role", "auditor", "--scope", "all", "--name", "{}"),
        "the name",
    ),
    "central window add name": ((*PLACE, "--name", "{}"), "the window's name"),
    "central window rename name": (("demo", "w1", "{}"), "name"),
    "central window rest reason": (
        ("demo", "w1", "--until", f"{day(now_ms()) + timedelta(7)}", "--reason", "{}"),
        "the reason",
    ),
    "central device refuse reason": ((DEVICE, "--reason", "{}"), "the reason"),
    "central epoch close reason": ((DEVICE, EPOCH, "--reason", "{}"), "the reason"),
    "central epoch close by": ((DEVICE, EPOCH, "--reason", "x", "--by", "{}"), "who says so"),
    "gateway token add name": (("{}", "--out", "t"), "name of a caller"),
}
# Ids, addresses and names of ports, which have alphabets of their own or name what is there.
IDS = {"device", "devices", "old", "hall", "window", "token_id", "scope", "centre", "gateway"}
IDS |= {"login", "session", "role", "act", "queue"}
IDS |= {"port", "chip", "address", "broker", "fault", "pull", "damage", "interpreter", "heap"}
NAMED = {"gateway token revoke name", "gateway secure name", "workbench network wifi"}
NAMED |= {
    "central policy accept profile",
    "central policy preview profile",
}  # what is there, called as it is


def run(*words: str):
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A centre with a hall and a device, and the settings of its gateway."""
    folder = tmp_path_factory.mktemp("typed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        broker = ("--mqtt-host", "b", "--mqtt-port", "1883", "--token-out", "hall.token")
        enrolled = ("--device", DEVICE, "--hall", "demo", "--window", "w1", "--out", "bundle")
        for words in (
            ("init",),
            ("hall", "add", "demo", *broker),
            ("window", "add", "--hall", "demo", "--window", "w1", "--name", "1号窗口"),
            ("enrol", *enrolled),
        ):
            made = run("central", *words)
            assert made.exit_code == 0, made.output
        Path("gateway.toml").write_text(
            'hall = "demo"\ncentre_url = "http://127.0.0.1:9"\ncentre_token_file = "hall.token"\n'
        )
        yield folder


def _words() -> set[str]:
    """Every parameter of every command that takes any text."""
    found = set()

    def walk(group, words: tuple[str, ...]) -> None:
        for name in group.list_commands(None):
            command = group.get_command(None, name)
            if hasattr(command, "list_commands"):
                walk(command, (*words, name))
                continue
            hints = typing.get_type_hints(inspect.unwrap(command.callback))
            found.update(
                " ".join((*words, name, parameter))
                for parameter, hint in hints.items()
                if parameter != "return" and hint in (str, str | None, list[str] | None)
            )

    walk(typer.main.get_command(app), ())
    return found


def test_every_parameter_that_takes_text_is_known_here():
    """Who adds one says here whether people read it."""
    words = {one for one in _words() if one.rsplit(" ", 1)[1] not in IDS}
    assert words == TEXTS.keys() | NAMED


def test_hidden_text_is_refused_wherever_people_type(folder):
    for command, (words, field) in TEXTS.items():
        for hidden in HIDDEN:
            typed = [word.replace("{}", f"a{hidden}b") for word in words]
            result = run(*command.split()[:-1], *typed)
            assert result.exit_code == 1, (command, hidden, result.output)
            assert field in result.stderr, (command, hidden, result.stderr)
            assert hidden not in result.output.removesuffix("\n"), (command, hidden)
            assert not (folder / "t").exists()


def test_the_control_plain_words_are_taken(folder):
    """In the same places; a device that is revoked is the last."""
    order = sorted(TEXTS, key=lambda command: command in ("central revoke reason",))
    for number, command in enumerate(order):
        if command.startswith(("central epoch", "central device refuse")):
            continue  # there is nothing to close or to refuse
        plain = "a-b.example" if TEXTS[command][1] == "the broker's host" else "装修 A/B-1"
        words = [word.replace("{}", plain) for word in TEXTS[command][0]]
        words = [word.replace("h2", f"h{number}").replace("w9", f"w{number}") for word in words]
        words = [f"t{number}" if word == "t" else word for word in words]
        move = ["--move"] if command == "central hall set mqtt_host" else []
        result = run(*command.split()[:-1], *words, *move)
        assert result.exit_code == 0, (command, result.output)


@pytest.mark.parametrize("hidden", ["\r\n", "\x1b[31m", "\u202e"])
def test_what_a_stranger_sent_moves_no_terminal_when_it_is_told(folder, hidden):
    """A refused topic, and an error's sentence that quotes what was typed or answered."""
    database = Database(folder / "gateway-data" / "gateway.sqlite")
    topic = f"pj/1/demo/x{hidden}y/record"
    refused = Refused("", topic, NOT_UTF8, f"odd{hidden}", 3, b"abc")
    with database.write() as connection:
        quarantine.put(connection, [{**refused._asdict(), "received_at_ms": 5}], 9)
    database.close()
    listed = run("gateway", "quarantine", "list")
    assert "x" in listed.stdout
    assert hidden not in listed.stdout
    shown = run("gateway", "quarantine", "show", listed.stdout.splitlines()[-1].split()[0])
    assert "abc" in shown.stdout
    assert hidden not in shown.stdout
    told = run("gateway", "token", "revoke", f"a{hidden}b")
    assert told.exit_code == 1
    assert hidden not in told.stderr
