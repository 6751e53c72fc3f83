"""The parts of a device, put together, and what happens when a key is pressed.

Next on a rating's way: firmware/journal.py makes it durable, then firmware/link.py sends it.
"""

import asyncio

from firmware import VERSION
from firmware.bundle import read_bundle
from firmware.clock import Clock
from firmware.journal import (
    Journal,
    JournalFullError,
    JournalLostError,
    create,
)
from firmware.keys import Keys
from firmware.link import Link
from firmware.session import OUT_OF_SERVICE, THANKING, Session
from firmware.wait import happens
from protocol.record import Rating

_LONGEST_WAIT_MS = 60000  # the clock must be read at least every 6 days; once a minute is plenty


def enrol(board):
    """Makes the empty journal of a device whose bundle has just been written."""
    create(board.files, read_bundle(board.read_bundle()).identity.key)


class App:
    """One start of a device.

    board: the hardware (firmware/boards/virtual.py is the shortest one and lists what a board
    has).
    """

    def __init__(self, board):
        timing = board.timing
        bundle = read_bundle(board.read_bundle())
        self._board = board
        self._timing = timing
        self._clock = Clock(board.ticks_ms, board.ticks_diff)
        self._journal = Journal(
            board.files,
            bundle.identity,
            VERSION,
            board.start_cause(),
            timing.segment_records,
            timing.segments,
        )
        self._session = Session(self._journal.rated, timing.thanks_ms)
        self._keys = Keys(timing.settle_ms, timing.stuck_ms)
        self._link = Link(
            board,
            bundle,
            self._journal,
            self._clock,
            timing,
            VERSION,
            self._take_ticket,
            self._show,
        )
        self._shown = None
        self._changed = asyncio.Event()

    async def run(self):
        """Serves until something fails that nobody expected: then only a restart is safe.

        OSError here is the flash's (the link keeps its own), JournalDamageError is JRN-3.
        """
        self._show()
        try:
            await asyncio.gather(self._watch_keys(), self._pass_time(), self._link.run())
        except Exception as error:
            self._board.log(f"restart: {type(error).__name__}: {error}")
            self._board.restart()

    async def _watch_keys(self):
        while True:
            await self._board.key_change()
            while True:
                press = self._keys.sample(self._board.closed_keys(), self._clock.up_ms())
                if press is not None:
                    self._take_press(press)
                self._link.report("stuck_key", bool(self._keys.stuck))
                if self._keys.is_quiet():
                    break
                await asyncio.sleep_ms(self._timing.sample_ms)

    def _take_press(self, press):
        ticket = self._session.accept(press.closed_at_ms, self._clock.up_ms())
        if ticket is None:
            return
        try:
            envelope = self._journal.append(
                Rating,
                self._clock.up_ms(),
                self._clock.at(),
                service=ticket.service,
                ticket_no=ticket.ticket_no,
                staff_no=None if ticket.staff is None else ticket.staff.staff_no,
                facts=ticket.facts,
                level=press.level,
                settings=0,
                took_ms=self._session.took_ms(press.closed_at_ms),
                input="key",
            )
        except JournalFullError:
            self._show()
            return
        # From here on a power cut loses nothing: only now is the citizen thanked (JRN-1).
        self._session.rate(self._clock.up_ms())
        self._show()
        self._link.send(envelope)

    def _take_ticket(self, ticket):
        self._session.take_ticket(ticket, self._clock.up_ms())
        self._show()

    async def _pass_time(self):
        while True:
            self._changed.clear()
            left_ms = self._session.left_ms(self._clock.up_ms())
            wait_ms = _LONGEST_WAIT_MS if left_ms is None else left_ms
            if not await happens(self._changed, min(wait_ms, _LONGEST_WAIT_MS)):
                self._session.tick(self._clock.up_ms())
                self._show()

    def _show(self):
        """Puts the session on the board's face, after asking whether a rating would still fit."""
        is_full = self._journal.is_full()
        if is_full and self._session.face != THANKING:
            self._session.fail(self._clock.up_ms())
        elif not is_full:
            self._session.mend(self._clock.up_ms())
        self._link.report("journal_full", is_full)
        self._link.show(self._session.face)
        shown = self._session.face, self._session.ticket
        if shown != self._shown:
            self._shown = shown
            self._board.show(self._session.face, self._session.ticket)
            self._changed.set()


async def serve(board):
    """Runs the device on `board`; without a bundle or a journal it says so and does nothing.

    What it logs here is what the technician's bench waits for after a start.
    """
    try:
        identity = read_bundle(board.read_bundle()).identity
    except OSError:
        board.log(f"not enrolled: firmware {VERSION}")
        board.show(OUT_OF_SERVICE, None)
        return
    try:
        app = App(board)
    except JournalLostError as error:
        board.log(f"out of service: the journal is lost, enrol the device again ({error})")
        board.show(OUT_OF_SERVICE, None)
        return
    board.log(f"alive: {identity.device}, firmware {VERSION}")
    await app.run()
