"""Making connections to the hall's broker, again and again: who is asked when, and what is said
when it fails. firmware/link.py has what is told on a connection.
"""

import asyncio
import gc

from firmware.guard import JournalDamageError


class RefusedError(OSError):
    """The broker cannot be believed; `problem` is the word for `state`."""

    def __init__(self, problem, text):
        super().__init__(text)
        self.problem = problem


class Dialler:
    """Retries for ever, with back-off.

    board: join(), connect(host, port, ca), random(n), log(text). own: the bundle's address of the
    broker; `further`: that of the settings, or None (BRK-1). report(problem, is_there=True):
    tells the hall, once there is a connection, or takes it back.
    """

    def __init__(self, board, own, timing, report):
        self._board = board
        self._own = own
        self.further = None
        self._is_further = True  # that one was tried last; so the first is the bundle's
        self._timing = timing
        self._report = report
        self._pause_ms = timing.retry_ms
        self._join_ms = timing.join_ms
        self._refusal = ""  # the word of the last connection that could not be made

    async def run(self, serve, on_end):
        """Calls serve(stream, host) (await) on every connection, and on_end() after it.

        Ends only by JournalDamageError. Nothing that a network, a broker or a certificate does is
        a reason for a restart, not even what nobody expected: the next connection is no worse off
        than after one.
        """
        while True:
            try:
                await self._connect(serve)
            except JournalDamageError:
                raise
            except asyncio.TimeoutError:
                self._lament("", "no answer in time")
            except MemoryError as error:
                self._lament("memory_short", str(error))
            except Exception as error:  # OSError; MicroPython's TLS has others, too
                self._lament(getattr(error, "problem", ""), str(error))
            on_end()
            gc.collect()  # what the last connection held, before the next one needs as much
            pause_ms = self._pause_ms
            self._pause_ms = min(pause_ms * 2, self._timing.retry_max_ms)
            # Jitter of a quarter, so that a hall's devices do not come back in one instant.
            await asyncio.sleep_ms(pause_ms * 3 // 4 + self._random(pause_ms // 2))

    def next_address(self):
        """(host, port, ca) to try next: the bundle's and the further one in turn, but where a
        connection stood, the same again (BRK-1).
        """
        own, further = self._own, self.further
        self._is_further = not self._is_further
        address = further if self._is_further and further is not None else own
        return address.host, address.port, address.ca or own.ca  # no less than the bundle asks for

    def take_grant(self):
        """The hall has taken the connection: the next one is asked for soon, should this end."""
        self._is_further = not self._is_further  # so that this address is tried again
        self._pause_ms = self._timing.retry_ms
        self._take_back()

    async def _connect(self, serve):
        timing, board = self._timing, self._board
        try:
            await asyncio.wait_for_ms(board.join(), self._join_ms)
        except asyncio.TimeoutError:
            self._join_ms = min(self._join_ms * 2, timing.join_max_ms)
            raise OSError("there is no network")
        self._join_ms = timing.join_ms
        host, port, ca = self.next_address()
        stream = await asyncio.wait_for_ms(board.connect(host, port, ca), timing.connect_ms)
        try:
            await serve(stream, host)
        finally:
            await stream.close()

    def _lament(self, problem, text):
        """problem: a word that stands until the hall takes a connection; "" for none."""
        self._board.log(f"no hall: {text}")
        if problem != self._refusal:
            self._take_back()
        if problem:
            self._refusal = problem
            self._report(problem)

    def _take_back(self):
        if self._refusal:
            self._report(self._refusal, False)
            self._refusal = ""

    def _random(self, below):
        number = 0
        for byte in self._board.random(4):
            number = number << 8 | byte
        return number % max(1, below)
