"""Kept connections that cost their client little: a request is bytes that were made before, and of
an answer only the status, the length and whether the server hangs up are read.

One thread, epoll, Linux. No HTTP library: it would take more of the processors than the centre.
"""

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

NO_ANSWER = 0  # a status: the connection ended before the answer was whole

_CLOSED, _CONNECTING, _SHAKING_HANDS, _READY = range(4)
_AT_ONCE = 256  # connections being made: a server's kernel holds a bounded number of them
_HEAD_BYTES = 16 * 1024
_GONE = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR
_NO_BODY = (204, 304)


class Answer(NamedTuple):
    """An answer that is whole; length: of head and body together."""

    status: int
    body: bytes
    length: int
    is_last: bool


class Call:
    """A request and what became of it, times in monotonic seconds.

    planned_s: when it should be sent, asked_s: when the client came round to it. letter: what the
    request is made from, for whoever checks the answer. Answered when `answered_s` is not None.
    """

    __slots__ = ("answered_s", "asked_s", "body", "letter", "planned_s", "request", "status")

    def __init__(self, request: bytes, letter: object = None, planned_s: float = 0.0):
        self.request = request
        self.letter = letter
        self.planned_s = planned_s
        self.asked_s = 0.0
        self.answered_s: float | None = None
        self.status = NO_ANSWER
        self.body = b""


class Line:
    """One kept connection. Its calls go one after the other; what comes meanwhile waits."""

    __slots__ = ("call", "is_stuck", "received", "socket", "state", "unsent", "waiting")

    def __init__(self):
        self.state = _CLOSED
        self.waiting: deque[Call] = deque()
        self.call: Call | None = None  # the one under way
        self.socket: socket.socket | ssl.SSLSocket | None = None
        self.received = b""
        self.unsent = b""
        self.is_stuck = False  # the kernel took only a part of it


class Client:
    """Lines to one server. trusted: of an https server, else None.

    on_answer: called with line and call when a call has its answer, or will have none; it may ask
    again. A line that the server closed is opened again for its next call; a call that was under
    way then has the status NO_ANSWER and is not repeated.
    """

    def __init__(
        self,
        url: str,
        trusted: ssl.SSLContext | None = None,
        on_answer: Callable[[Line, Call], None] = lambda line, call: None,
    ):
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._trusted = trusted
        self._on_answer = on_answer
        self._epoll = select.epoll()
        self._lines: dict[int, Line] = {}
        self._begun = 0  # lines whose connection is being made
        self.unanswered = 0
        self.made = 0  # connections, those made again included

    def open(self, count: int, timeout_s: float = 120) -> list[Line]:
        """So many lines with their connections made. Raises TimeoutError, OSError."""
        lines = [Line() for _ in range(count)]
        until_s = time.monotonic() + timeout_s
        rest = iter(lines)
        is_more = True
        while is_more or self._begun:
            while is_more and self._begun < _AT_ONCE:
                line = next(rest, None)
                is_more = line is not None
                if line is not None:
                    self._connect(line)
            self.step(0.1)
            if time.monotonic() > until_s:
                raise TimeoutError(f"{self.made} of {count} connections in {timeout_s:.0f} s")
        if (taken := sum(line.state == _READY for line in lines)) < count:
            raise ConnectionError(f"the server took {taken} of {count} connections")
        return lines

    def ask(self, line: Line, call: Call) -> None:
        """Send a request, or keep it until the line is free."""
        call.asked_s = time.monotonic()
        self.unanswered += 1
        line.waiting.append(call)
        if line.call is None:
            self._go_on(line)

    def step(self, timeout_s: float) -> None:
        """Wait until something comes, and take it."""
        for number, events in self._epoll.poll(max(timeout_s, 0)):
            line = self._lines.get(number)
            if line is None:
                continue  # closed by what came before it in this list
            if line.state == _READY:
                if events & select.EPOLLOUT:
                    self._send(line)
                if events & _GONE and line.state == _READY:
                    self._receive(line)
            elif line.state == _CONNECTING:
                self._connected(line)
            else:
                self._shake_hands(line)

    def drive(self, plan: list[tuple[Line, Call]], began_s: float) -> None:
        """An open loop: each call is asked `planned_s` after `began_s`, whatever the others do.

        plan: in order of time. `planned_s` becomes the second itself.
        """
        for line, call in plan:
            call.planned_s += began_s
            while (left_s := call.planned_s - time.monotonic()) > 0:
                self.step(left_s)
            self.ask(line, call)

    def finish(self, timeout_s: float) -> None:
        """Wait for what is not answered yet, so long at most."""
        until_s = time.monotonic() + timeout_s
        while self.unanswered and (left_s := until_s - time.monotonic()) > 0:
            self.step(left_s)

    def close(self) -> None:
        """Close every line."""
        for line in self._lines.values():
            assert line.socket
            line.socket.close()
        self._lines.clear()
        self._epoll.close()

    def _connect(self, line: Line) -> None:
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect_ex(self._address)
        line.socket, line.state = connection, _CONNECTING
        line.received = line.unsent = b""
        line.is_stuck = False
        self._begun += 1
        self._lines[connection.fileno()] = line
        self._epoll.register(connection.fileno(), select.EPOLLOUT)

    def _connected(self, line: Line) -> None:
        assert line.socket
        if line.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._hung_up(line)
        elif self._trusted is None:
            self._ready(line)
        else:
            line.state = _SHAKING_HANDS
            line.socket = self._trusted.wrap_socket(
                line.socket, do_handshake_on_connect=False, server_hostname=self._address[0]
            )
            self._shake_hands(line)

    def _shake_hands(self, line: Line) -> None:
        assert isinstance(line.socket, ssl.SSLSocket)
        try:
            line.socket.do_handshake()
        except ssl.SSLWantReadError:
            self._epoll.modify(line.socket.fileno(), select.EPOLLIN)
        except ssl.SSLWantWriteError:
            self._epoll.modify(line.socket.fileno(), select.EPOLLOUT)
        except OSError:
            self._hung_up(line)
        else:
            self._ready(line)

    def _ready(self, line: Line) -> None:
        assert line.socket
        self._begun -= 1
        self.made += 1
        line.state = _READY
        self._epoll.modify(line.socket.fileno(), select.EPOLLIN)
        self._go_on(line)

    def _go_on(self, line: Line) -> None:
        if not line.waiting:
            return
        if line.state == _CLOSED:
            self._connect(line)
        elif line.state == _READY:
            line.call = line.waiting.popleft()
            line.unsent = line.call.request
            self._send(line)

    def _send(self, line: Line) -> None:
        assert line.socket
        try:
            sent = line.socket.send(line.unsent)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except OSError:
            self._hung_up(line)
            return
        line.unsent = line.unsent[sent:]
        if line.is_stuck != bool(line.unsent):
            line.is_stuck = not line.is_stuck
            wanted = select.EPOLLIN | (select.EPOLLOUT if line.is_stuck else 0)
            self._epoll.modify(line.socket.fileno(), wanted)

    def _receive(self, line: Line) -> None:
        assert line.socket
        try:
            data = line.socket.recv(65536)
            while isinstance(line.socket, ssl.SSLSocket) and line.socket.pending():
                data += line.socket.recv(65536)  # epoll does not know what TLS has read already
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self._hung_up(line)
            return
        line.received += data
        answer = read_answer(line.received)
        if answer is None or line.call is None:
            return
        line.received = line.received[answer.length :]
        line.call.status, line.call.body = answer.status, answer.body
        if answer.is_last:
            self._hung_up(line)
        else:
            self._answered(line)

    def _hung_up(self, line: Line) -> None:
        """The connection is over, and with it the call under way or the one it was made for."""
        assert line.socket
        self._begun -= line.state in (_CONNECTING, _SHAKING_HANDS)
        was_ready = line.state == _READY
        del self._lines[line.socket.fileno()]
        line.socket.close()
        line.state = _CLOSED
        if not was_ready and line.waiting:
            line.call = line.waiting.popleft()
        if line.call is not None:
            self._answered(line)

    def _answered(self, line: Line) -> None:
        call, line.call = line.call, None
        assert call
        call.answered_s = time.monotonic()
        self.unanswered -= 1
        self._on_answer(line, call)
        if line.call is None:
            self._go_on(line)


def read_answer(received: bytes) -> Answer | None:
    """The answer at the beginning of what came; None while it is not whole.

    Raises ValueError for one without a length, which no answer of a centre is.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > _HEAD_BYTES:
            raise ValueError(f"no head of an answer: {received[:80]!r}")
        return None
    head = received[:end].lower()
    status = int(head[9:12])
    body, length = end + 4, 0
    if status not in _NO_BODY:
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            raise ValueError(f"an answer without a length: {received[:80]!r}")
        length = int(head[at + 17 :].partition(b"\r")[0])
    if len(received) < body + length:
        return None
    is_last = b"\r\nconnection: close" in head
    return Answer(status, received[body : body + length], body + length, is_last)
