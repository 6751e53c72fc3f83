"""A connection that fails, in every way that boards have: said, backed off from, and tried again.

Runs on the unix port.
"""

import asyncio
import unittest

from fake_board import FakeBoard

from firmware.dialler import Dialler, RefusedError
from firmware.guard import JournalDamageError

# CPython's asyncio has no milliseconds, and the WebAssembly build's loop is JavaScript's.
RUNS = hasattr(asyncio, "run") and hasattr(asyncio, "sleep_ms")


def refusal():
    return RefusedError("tls_refused", "the broker is not the hall's")


class Stream:
    """Is open until it was closed, as a board's is."""

    def __init__(self):
        self.is_open = True

    async def close(self):
        self.is_open = False


class Air(FakeBoard):
    """A board whose connections fail as `errors` says, one after the other, then stand."""

    def __init__(self, errors, **changes):
        super().__init__(retry_ms=1, retry_max_ms=4, **changes)
        self.errors = list(errors)
        self.streams = []

    async def join(self):
        pass

    async def connect(self, host, port, ca):
        # MicroPython's asyncio closes nothing by itself: what is still open here would keep its
        # socket, and 27 KB of TLS, beside the next connection's.
        assert not [stream for stream in self.streams if stream.is_open]
        error = self.errors.pop(0) if self.errors else None
        if isinstance(error, Exception):
            raise error
        self.streams.append(Stream())
        return self.streams[-1]


class Broker:
    host, port, ca = "10.1.2.3", 8883, None


def dial(board, failures, end=JournalDamageError):
    """Runs a dialler until the connection after `failures`; what it reported, and how it ended."""
    told, ended = [], []

    async def serve(stream, host):
        assert stream.is_open
        if len(board.streams) > failures:
            dialler.take_grant()
            raise end("the end of the test")
        raise OSError(104)

    async def run():
        try:
            await dialler.run(serve, lambda: ended.append(1))
        except JournalDamageError:
            told.append("damage")

    def report(problem, is_there=True):
        told.append((problem, is_there))

    dialler = Dialler(board, Broker, board.timing, report)
    asyncio.run(run())
    return told, len(ended)


class TestDialler(unittest.TestCase):
    def test_no_error_of_a_connection_ends_the_device(self):
        if not RUNS:
            return
        for error in (
            ValueError("The certificate Common Name (CN) does not match"),
            MemoryError("memory allocation failed"),
            OSError(115),
            OSError(-9984, "X509 - Certificate verification failed"),
            RuntimeError("nobody expected this"),
            KeyError("interface"),
        ):
            board = Air([error, error, error])
            told, ended = dial(board, 0)
            self.assertEqual(told[-1], "damage")
            self.assertEqual((ended, board.restarts), (3, 0))
            said = [step[1] for step in board.done if step[0] == "log"]
            self.assertEqual(len(said), 3)

    def test_a_refusal_s_word_stands_until_the_hall_takes_a_connection(self):
        if not RUNS:
            return
        told, _ = dial(Air([refusal(), refusal(), MemoryError("x")]), 0)
        self.assertEqual(
            told,
            [
                ("tls_refused", True),
                ("tls_refused", True),
                ("tls_refused", False),
                ("memory_short", True),
                ("memory_short", False),
                "damage",
            ],
        )

    def test_every_connection_is_closed_before_the_next_is_made(self):
        if not RUNS:
            return
        board = Air([])
        dial(board, 40)
        self.assertEqual(len(board.streams), 41)
        self.assertFalse([stream for stream in board.streams if stream.is_open])


if __name__ == "__main__":
    unittest.main()
