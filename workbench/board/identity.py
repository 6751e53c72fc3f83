"""Who a board is: a device that enrolment gave a name, or none yet."""

from hosting.error import OperatorError
from workbench.board.repl import Board

PATH = "/identity.json"  # where a device keeps its bundle, apart from the journal


def enrolled(board: Board) -> tuple[str, str, int]:
    """(device, hall, epoch) of a board that is usable. Raises OperatorError if it is none."""
    known = board.identity(PATH)
    if known is None:
        raise OperatorError(
            f"{board.port}: this board is not enrolled, so it has no records and no name yet. "
            "Enrol it: pingjia workbench enrol --help"
        )
    return known
