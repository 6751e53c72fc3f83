"""Runs one plain unittest file on the unix port of MicroPython, as a board would:

    micropython -X heapsize=128M tests/micropython/unix_port.py \
        REPOSITORY FIRMWARE tests/protocol/test_record.py

The two folders are absolute. The root is littlefs in memory, as a board's flash; the compiled
firmware and the tests are read from the machine's disk below /host.
"""

import sys

import vfs

_BLOCK = 4096


class Ram:
    """A block device (MicroPython's extended interface) that a process takes with it."""

    def __init__(self, blocks):
        self._data = memoryview(bytearray(b"\xff" * (blocks * _BLOCK)))
        self._blocks = blocks

    def readblocks(self, block, buffer, offset=0):
        start = block * _BLOCK + offset
        buffer[:] = self._data[start : start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * _BLOCK + offset
        self._data[start : start + len(buffer)] = buffer

    def ioctl(self, operation, _):
        return {4: self._blocks, 5: _BLOCK}.get(operation, 0)


repository, firmware, test = sys.argv[1:]
folder, name = test.rsplit("/", 1)
vfs.mount(vfs.VfsPosix("/"), "/host")
vfs.umount("/")
ram = Ram(8192)
vfs.VfsLfs2.mkfs(ram)
vfs.mount(ram, "/")
paths = firmware + "/lib", repository + "/tests/micropython", repository + "/" + folder
sys.path[:] = ["/host" + path for path in paths] + [".frozen"]

__import__("unittest").main(name[:-3])
