"""A board's flash, and real littlefs on it (CPython only): every program and erase is counted.

Sizes are those of MicroPython's VfsLfs2 as it mounts a board's flash: reads and programs of 32
bytes, a cache of 128, blocks of 4,096.
"""

from littlefs import LittleFS, LittleFSError, UserContext

BLOCK, PROGRAM, CACHE = 4096, 32, 128
PAGE = 256  # what a NOR flash programs at once


class Flash(UserContext):
    """Bytes in RAM. `log`: every change, ("prog", start, data) or ("erase", start, b"")."""

    def __init__(self, blocks: int = 64, image: bytes | None = None):
        super().__init__(
            buffer=bytearray(image if image is not None else b"\xff" * blocks * BLOCK)
        )
        self.log: list[tuple[str, int, bytes]] = []

    def image(self) -> bytes:
        return bytes(self.buffer)

    def read(self, cfg, block, off, size):
        start = block * BLOCK + off
        return self.buffer[start : start + size]

    def prog(self, cfg, block, off, data):
        self._change("prog", block * BLOCK + off, bytes(data))
        return 0

    def erase(self, cfg, block):
        self._change("erase", block * BLOCK, b"")
        return 0

    def _change(self, kind, start, data):
        self.log.append((kind, start, data))
        change(self.buffer, kind, start, data)


def change(buffer: bytearray, kind: str, start: int, data: bytes):
    """Does one entry of a log."""
    data = data or b"\xff" * BLOCK
    buffer[start : start + len(data)] = data


class Disk:
    """littlefs on a flash with the calls of MicroPython's `os` and `open`: what Files needs.

    Raises OSError, also if nothing can be mounted.
    """

    def __init__(self, flash: Flash, is_new: bool = False):
        self._fs = LittleFS(
            context=flash,
            block_size=BLOCK,
            block_count=len(flash.buffer) // BLOCK,
            read_size=PROGRAM,
            prog_size=PROGRAM,
            cache_size=CACHE,
            lookahead_size=32,
            block_cycles=100,
            mount=False,
        )
        if is_new:
            self._fs.format()
        self._try(self._fs.mount)

    def open(self, path, mode):
        return self._try(self._fs.open, path, mode)

    def listdir(self, path):
        return self._try(self._fs.listdir, path)

    def mkdir(self, path):
        self._try(self._fs.mkdir, path)

    def remove(self, path):
        self._try(self._fs.remove, path)

    def _try(self, call, *arguments):
        try:
            return call(*arguments)
        except LittleFSError as error:
            raise OSError(-error.code, str(error))
