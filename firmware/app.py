"""The parts of a device, put together, and what happens when a key is pressed.

Next on a rating's way: firmware/journal.py makes it durable, then firmware/link.py sends it.
"""

import asyncio
import gc

from firmware import VERSION
from firmware.bundle import read_bundle
from firmware.clock import Clock
from firmware.journal import (
    Journal,
    JournalDamageError,
    JournalFullError,
    JournalLostError,
)
from firmware.keys import CHORD, Keys
from firmware.link import Link
from firmware.session import (
    ASKING,
    OUT_OF_SERVICE,
    STARTING,
    TECHNICIAN,
    THANKING,
    TRIED,
    Session,
)
from firmware.settings import built_in, text_of
from firmware.timing import happens
from protocol.answer import of_codes, of_level
from protocol.field import ProtocolError
from protocol.record import Rating, Reasons, SelfTest
from protocol.settings import SettingsError, open_settings

_TECHNICIAN_KEYS = 0b10001  # keys 1 and 5
_LONGEST_WAIT_MS = 60000  # the clock must be read at least every 6 days; once a minute is plenty
_MOST_FAILED = 3  # starts in a row that the flash has ended (JRN-8)
# Why a device restarted itself: `boot.cause` of the next start. With the number of failed starts
# it is one number below 16, which the board keeps through the restart.
_CAUSES = ("", "flash", "memory", "failure")


class App:
    """One start of a device.

    board: the hardware (firmware/boards/webassembly_five_key/board.py lists what a board has).
    """

    def __init__(self, board):
        timing = board.timing
        bundle = read_bundle(board.read_bundle())
        _check_network(board)
        self._board = board
        self._timing = timing
        self._clock = Clock(board.ticks_ms, board.ticks_diff)
        note = board.note() & 15
        self._failed = note // 4
        self._journal = Journal(
            board.files,
            bundle.identity,
            VERSION,
            _CAUSES[note % 4] or board.start_cause(),
            timing.segment_records,
            timing.segments,
            self._failed >= _MOST_FAILED,
        )
        self.identity = bundle.identity
        self._settings = self._kept_settings()
        board.set_volume(self._settings.volume)
        self._session = Session(
            self._journal.rated, self._settings.thanks_ms, self._settings.why_ms, timing.test_ms
        )
        self._keys = Keys(timing.settle_ms, timing.stuck_ms)
        self._link = Link(
            board,
            bundle,
            self._journal,
            self._clock,
            timing,
            VERSION,
            self._take_ticket,
            self._take_time,
            self._take_settings,
            self._show,
        )
        self._link.use_settings(self._settings)
        self._rated = 0, 0  # (seq, level) of the newest rating, for its reasons
        self._tried = set()  # levels of the keys that a technician has pressed
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
            try:
                self._board.log(f"restart: {type(error).__name__}: {error}")
            finally:  # with no memory for that line, too
                self._board.restart(self._note(error))

    def _note(self, error):
        if isinstance(error, JournalDamageError):
            return min(self._failed + 1, _MOST_FAILED) * 4 + 1
        return self._failed * 4 + (2 if isinstance(error, MemoryError) else 3)

    async def _watch_keys(self):
        await self._welcome_technician()
        while True:
            while True:
                press = self._keys.sample(self._board.closed_keys(), self._clock.up_ms())
                if press is not None:
                    self._take_press(press)
                chosen = self._board.chosen()
                if chosen is not None:
                    self._take_choice(*chosen)
                self._link.report("stuck_key", bool(self._keys.stuck))
                if self._keys.is_quiet():
                    break
                await asyncio.sleep_ms(self._timing.sample_ms)
            await self._board.key_change()

    async def _welcome_technician(self):
        if self._board.closed_keys() == _TECHNICIAN_KEYS:
            await asyncio.sleep_ms(self._timing.technician_ms)
            if self._board.closed_keys() == _TECHNICIAN_KEYS:
                self._session.maintain(self._clock.up_ms())
                self._show()

    def _take_press(self, press):
        session, now_ms = self._session, self._clock.up_ms()
        if press.level == CHORD:
            answer = session.refuse_chord(now_ms)
        elif not session.accept(press.closed_at_ms, now_ms):
            answer = session.refuse(now_ms)
        elif session.face == ASKING:
            answer = self._note_reason(press)
        else:
            answer = self._note_rating(press)
        if answer is not None:
            self._board.answer(answer, press.level if answer == TRIED else None)
        if answer == TRIED:
            self._tried.add(press.level)
            if len(self._tried) == 5:
                session.leave(now_ms)
                self._note_test()
        self._show()

    def _note_rating(self, press):
        ticket = self._session.ticket
        if ticket is None:
            return
        try:
            envelope = self._append(
                Rating,
                service=ticket.service,
                ticket_no=ticket.ticket_no,
                staff_no=None if ticket.staff is None else ticket.staff.staff_no,
                facts=ticket.facts,
                answer=of_level(press.level),
                settings=self._settings.version,
                took_ms=self._session.took_ms(press.closed_at_ms),
                shown=self._session.shown,
                input=self._board.input,
            )
        except JournalFullError:
            return
        # From here on a power cut loses nothing: only now is the citizen thanked (JRN-1).
        self._rated = self._journal.seq, press.level
        self._session.rate(self._clock.up_ms())
        self._show()
        self._link.send(envelope)

    def _note_reason(self, press):
        """Which key means what is the level's: the five words above the keys are everybody's."""
        codes = self._settings.codes[self._rated[1] - 1]
        return self._note_codes((codes[press.level - 1],))

    def _take_choice(self, codes, is_over):
        """What was chosen on a face that lists the level's reasons itself; () is none of them."""
        session, now_ms = self._session, self._clock.up_ms()
        session.tick(now_ms)
        if not is_over:
            session.linger(now_ms)
        elif session.face == ASKING:
            of_level = [code for code in codes if code // 100 == self._rated[1]]
            answer = self._note_codes(of_level) if of_level else session.skip(now_ms)
            if answer is not None:
                self._board.answer(answer, None)
        self._show()

    def _note_codes(self, codes):
        seq, catalogue = self._rated[0], self._settings.catalogue
        try:
            envelope = self._append(Reasons, of=seq, answer=of_codes(codes), catalogue=catalogue)
        except JournalFullError:
            return None
        self._link.send(envelope)
        return self._session.reason(self._clock.up_ms())

    def _note_test(self):
        """What the technician's presses and the board's own look at its parts have shown."""
        parts = [(f"key_{level}", level in self._tried) for level in range(1, 6)]
        parts += self._board.selftest()
        self._tried = set()
        passed = tuple([part for part, is_good in parts if is_good])
        failed = tuple([part for part, is_good in parts if not is_good])
        self._board.log(f"self-test: {len(passed)} passed, failed: {' '.join(failed) or 'none'}")
        try:
            self._link.send(self._append(SelfTest, passed=passed, failed=failed))
        except JournalFullError:
            self._board.log("self-test: not kept, the journal is full")

    def _append(self, kind, **fields):
        envelope = self._journal.append(kind, self._clock.up_ms(), self._clock.at(), **fields)
        self._failed = 0
        return envelope

    def _kept_settings(self):
        """The newest that came before this start, or the built-in ones (SET-3)."""
        device, epoch, key = self.identity
        try:
            return open_settings(key, device, epoch, 0, self._board.read_settings())
        except (OSError, SettingsError):  # none came, a torn write, or another enrolment's
            return built_in(self._timing.thanks_ms, self._timing.why_ms)

    def _take_settings(self, data):
        """Puts the centre's settings to use at once, or raises SettingsError (SET-1, SET-2)."""
        device, epoch, key = self.identity
        settings = open_settings(key, device, epoch, self._settings.version, data)
        if settings.version > self._settings.version:  # retained: every connection brings them
            self._keep_settings(data)
        self._settings = settings
        self._session.thanks_ms, self._session.why_ms = settings.thanks_ms, settings.why_ms
        self._board.set_volume(settings.volume)
        self._link.use_settings(settings)
        self._show()
        self._changed.set()  # a shorter time may be over already

    def _keep_settings(self, data):
        try:
            self._board.keep_settings(data)
        except OSError as error:
            self._board.log(f"the settings are in use, but not kept for the next start: {error}")

    def _take_ticket(self, ticket, is_retained=False):
        self._session.take_ticket(ticket, self._clock.up_ms(), is_retained)
        self._show()

    def _take_time(self):
        now_ms = self._clock.up_ms()
        self._session.take_time(self._clock.ahead_ms(), now_ms)
        self._show()

    async def _pass_time(self):
        while True:
            self._changed.clear()
            left_ms = self._session.left_ms(self._clock.up_ms())
            wait_ms = _LONGEST_WAIT_MS if left_ms is None else left_ms
            if not await happens(self._changed, min(wait_ms, _LONGEST_WAIT_MS)):
                was_tested = self._session.face == TECHNICIAN
                self._session.tick(self._clock.up_ms())
                if was_tested and self._session.face != TECHNICIAN:
                    self._note_test()
                self._show()

    def _show(self):
        """Puts the session on the board's face, after asking whether a rating would still fit."""
        is_full = self._journal.is_full()
        if is_full and self._session.face not in (THANKING, TECHNICIAN):
            self._session.fail(self._clock.up_ms())
        elif not is_full:
            self._session.mend(self._clock.up_ms())
        refuses = self._journal.refuses
        self._link.report("flash_refuses", refuses)
        self._link.report("journal_full", is_full and not refuses)
        self._link.show(self._session)
        face, ticket = self._session.face, self._session.ticket
        cause = ""
        if face == OUT_OF_SERVICE:
            cause = "flash_refuses" if refuses else "journal_full"
        text = text_of(self._settings, face, ticket, cause)
        if (face, ticket, text) != self._shown:
            self._shown = face, ticket, text
            if face == ASKING and self._board.input == "kiosk":
                self._board.ask(self._rated[1])
            self._board.show(face, ticket, self._settings, text)
            self._changed.set()


class NetworkTornError(Exception):
    """What says how to reach the hall cannot be read: only the bench can mend that."""


_UNFIT = (
    (OSError, "not_enrolled"),
    (ProtocolError, "identity_torn"),
    (JournalLostError, "journal_lost"),
    (NetworkTornError, "network_torn"),
)


def _check_network(board):
    try:
        board.check_network()
    except ValueError as error:
        raise NetworkTornError(str(error))


async def serve(board):
    """Runs the device on `board`; without a bundle, a journal or a network's settings it says so,
    and goes on saying it.

    What it logs here is what the technician's bench waits for after a start.
    """
    gc.collect()  # what the modules left while they were loaded lies in between
    board.watch()
    # A full journal takes seconds to be read: whoever has plugged it in sees that it lives.
    settings = built_in(0, 0)
    board.show(STARTING, None, settings, text_of(settings, STARTING, None))
    try:
        app = App(board)
    except Exception as error:
        cause = "start_failed"
        for kind, word in _UNFIT:
            if isinstance(error, kind):
                cause = word
        board.log(f"{cause}: firmware {VERSION}: {error}")
        # Silent, as nobody is there to hear it; alive, so that what blinks goes on.
        board.set_volume(0)
        board.show(OUT_OF_SERVICE, None, settings, text_of(settings, OUT_OF_SERVICE, None, cause))
        while True:
            await board.key_change()  # which keeps the watchdog from biting, too
    board.log(f"alive: {app.identity.device}, firmware {VERSION}")
    await app.run()
