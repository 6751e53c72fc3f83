"""What is plugged in: the serial ports, and what answers there."""

from typing import NamedTuple

from serial.tools import list_ports

from hosting.error import OperatorError
from workbench.board.identity import PATH
from workbench.board.repl import Board


class Port(NamedTuple):
    """A USB serial port. serial_number: the board's own, where it has one."""

    name: str
    description: str
    serial_number: str | None


def plugged() -> list[Port]:
    """The USB serial ports of this laptop, by name; ports that are no USB are nobody's board."""
    found = [port for port in list_ports.comports() if port.vid is not None]
    return sorted(Port(port.device, port.description, port.serial_number) for port in found)


def describe(name: str) -> str:
    """What answers at a port, in words; a board that runs is restarted by this."""
    try:
        with Board(name) as board:
            about = board.about
            words = f"{about.platform}, MicroPython {about.micropython}"
            board.require_usable()
            known = board.identity(PATH)
            board.reset()
            return f"{words}, {f'{known[0]} of hall {known[1]}' if known else 'not enrolled'}"
    except OperatorError as error:
        return str(error).removeprefix(f"{name}: ")
