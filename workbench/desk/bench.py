"""The bench: the parts put together, for one board or for all that are plugged in at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from workbench.board import image
from workbench.board.flash import Progress, put_firmware, set_clock, wait_for_life
from workbench.board.identity import PATH
from workbench.board.ports import plugged
from workbench.board.release import Release
from workbench.board.repl import Board
from workbench.desk import label
from workbench.desk.centre import Centre
from workbench.desk.enrolment import Bundles, Given, Issuer, put_bundle
from workbench.desk.supply import Supply

_RECORD_S = 60  # a device sends at once; a gateway forwards within seconds
_LOOK_S = 0.5


class Job(NamedTuple):
    """What is to be done to every board.

    bundles: gives the bundle for a board, None leaves it as enrolled as it is. image: checked
    already.
    """

    release: Release
    bundles: Bundles | Issuer | None
    may_overwrite: bool
    keeps_bundle: bool
    devices: Path  # the bench's list
    image: tuple[str, Path] | None = None  # MicroPython for a chip of this name, put on first


class _Done(NamedTuple):
    """device: None for one that is not enrolled. written: how many files differed.

    given: what it became just now; its bundle's file is left to the caller.
    """

    device: str | None
    written: int
    given: Given | None


def choose_ports(port: str | None, takes_all: bool) -> list[str]:
    """The ports to work on. Raises OperatorError if that is not clear."""
    if port is not None:
        return [port]
    found = [found.name for found in plugged()]
    if not found:
        raise OperatorError(
            "no board is plugged in. Check the cable: many charge only and carry no data; on a "
            "bench of its own name the port: --port /dev/ttyUSB0."
        )
    if len(found) > 1 and not takes_all:
        raise OperatorError(
            f"more than one board is plugged in ({', '.join(found)}): name one with --port, or "
            "work on all of them with --all."
        )
    return found


def from_files(path: Path) -> Bundles:
    """Bundles issued beforehand: a folder of them, or one file."""
    return Supply(path).take


def from_centre(centre: Centre, device: str, window: str, replaces: bool = False) -> Issuer:
    """The centre's bundle for this one device; what the centre rejects of what a board holds is
    kept in the folder where the bench works. replaces: although the id may be in use.
    """
    return Issuer(centre, device, window, Path(), replaces)


def work(port: str, job: Job, on_progress: Progress) -> str:
    """Does the job to one board; the line that says so, and another one about what it was before.

    Raises OperatorError.
    """
    begin = time.monotonic()
    if job.image is not None:
        image.write_esp(port, *job.image)
    with Board(port) as board:
        done = _flash(board, job, on_progress)
    line = f"{port}: {_sentence(done, job.release.version)}, {time.monotonic() - begin:.1f} s"
    if (given := done.given) is not None:
        label.note(job.devices, given.device, given.hall, given.epoch, port)
        if given.bundle is not None and not job.keeps_bundle:
            given.bundle.drop()
        if given.closed is not None:
            line += f"\n{port}: {given.closed}"
    elif done.device is not None:
        label.note_port(job.devices, done.device, port)
    return line


def work_on_all(
    ports: list[str], job: Job, on_progress: Callable[[str, int, int], None]
) -> Iterator[tuple[str, str | OperatorError]]:
    """Does the job to all boards at once; (port, line or error) as each is done."""

    def one(port: str) -> str:
        return work(port, job, lambda sent, total: on_progress(port, sent, total))

    with ThreadPoolExecutor(len(ports)) as hands:
        tasks = {hands.submit(one, port): port for port in ports}
        for task in as_completed(tasks):
            error = task.exception()
            if error is not None and not isinstance(error, OperatorError):
                raise error
            yield tasks[task], task.result() if error is None else error


def replace(
    port: str, release: Release, centre: Centre, old: str, new: str, devices: Path
) -> Iterator[str]:
    """Puts a new device in the window of an old one, and revokes that; a line a step.

    The new one first: a step that fails leaves the window with the device that it has.
    """
    known = centre.devices()
    if old not in known:
        raise OperatorError(f"the hall has no device {old}. Its label shows the id.")
    if new in known:
        raise OperatorError(f"the hall has a device {new} already: choose another id.")
    window = known[old]["window"]
    job = Job(release, from_centre(centre, new, window), False, False, devices)
    yield work(port, job, lambda sent, total: None)
    gone = centre.revoke(old)
    held, said = gone["highest_seq"], gone["head_seq"] or 0
    yield f"{old} is revoked at the centre, and at the broker in about a minute; window {window}"
    if said > held:
        yield (
            f"{old} said that it holds records up to {said}, the centre has them up to {held}: "
            "rescue it (pingjia workbench rescue) if it still starts"
        )
    else:
        yield f"{old}: the centre has all its records that anybody has heard of, up to {held}"
    yield f"{old}/{gone['epoch']} stays open until: pingjia workbench rescue --centre …"
    yield "if it is dead, the centre's operator closes it: pingjia central epoch close"


def wait_for_record(centre: Centre, device: str, seq: int) -> None:
    """Returns when the centre holds the device's records up to seq. Raises OperatorError."""
    end = time.monotonic() + _RECORD_S
    while centre.devices().get(device, {}).get("highest_seq", 0) < seq:
        if time.monotonic() > end:
            raise OperatorError(
                f"{device}'s record {seq} did not reach the centre within {_RECORD_S} s. It is "
                "safe on the device; look at the hall's overview page for what is wrong."
            )
        time.sleep(_LOOK_S)


def _flash(board: Board, job: Job, on_progress: Progress) -> _Done:
    board.require_usable()
    written = put_firmware(board, job.release, on_progress)
    given = None if job.bundles is None else put_bundle(board, job.bundles, job.may_overwrite)
    known = board.identity(PATH)
    device = known[0] if known else None
    set_clock(board)
    wait_for_life(board, device, job.release.version)
    return _Done(device, written, given)


def _sentence(done: _Done, version: str) -> str:
    # With a port and an id of usual length 80 columns hold it.
    name = f"{done.device} lives" if done.device else "not enrolled"
    files = f"{done.written} new files" if done.written else "nothing new"
    return f"{name}: firmware {version} verified, {files}"
