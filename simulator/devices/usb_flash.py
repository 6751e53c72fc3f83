"""The flash of a board on a USB cable as MicroPython's root; runs on the virtual device itself.

A file's update is committed when it is closed, as LittleFS does it. `host` is repl.mjs.
"""

import io

import host  # pyright: ignore[reportMissingImports]
import uctypes  # pyright: ignore[reportMissingImports]
import vfs  # pyright: ignore[reportMissingImports]


class _Written(io.BytesIO):
    """A file that is being written; `close` commits it."""

    def begin(self, path, data):
        self._path = path
        self.write(data)
        return self

    def close(self):
        data = self.getvalue()
        super().close()
        _checked(host.disk_write(self._path, uctypes.addressof(data), len(data)))

    def __exit__(self, *error):
        self.close()


class Flash:
    """The methods that MicroPython asks of a file system."""

    def __init__(self):
        self._here = "/"

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def chdir(self, path):
        self._here = self._whole(path)

    def getcwd(self):
        return self._here

    def open(self, path, mode):
        path = self._whole(path)
        if "r" not in mode:
            data = _read(path) if "a" in mode and host.disk_kind(path) == 2 else b""
            return _Written().begin(path, data)
        data = _read(path)
        return io.BytesIO(data) if "b" in mode else io.StringIO(str(data, "utf-8"))

    def stat(self, path):
        path = self._whole(path)
        kind = host.disk_kind(path)
        if kind == 0:
            raise OSError(2)
        size = host.disk_size(path) if kind == 2 else 0
        return (0x8000 if kind == 2 else 0x4000, 0, 0, 0, 0, 0, size, 0, 0, 0)

    def statvfs(self, path):
        free = host.disk_free() // 4096
        return (4096, 4096, 512, free, free, 0, 0, 0, 0, 255)

    def ilistdir(self, path):
        path = self._whole(path)
        if host.disk_kind(path) != 1:
            raise OSError(2)
        for name in filter(None, host.disk_list(path).split("\n")):
            yield name, self.stat(path + "/" + name)[0], 0, self.stat(path + "/" + name)[6]

    def remove(self, path):
        _checked(host.disk_remove(self._whole(path)))

    def mkdir(self, path):
        _checked(host.disk_mkdir(self._whole(path)))

    def rmdir(self, path):
        _checked(host.disk_rmdir(self._whole(path)))

    def rename(self, old, new):
        _checked(host.disk_rename(self._whole(old), self._whole(new)))

    def _whole(self, path):
        return path if path.startswith("/") else self._here.rstrip("/") + "/" + path


def _read(path):
    if host.disk_kind(path) != 2:
        raise OSError(2)
    data = bytearray(host.disk_size(path))
    if data:
        _checked(host.disk_read(path, uctypes.addressof(data), len(data)))
    return bytes(data)


def _checked(result):
    if result < 0:
        raise OSError(-result)


vfs.umount("/")
vfs.mount(Flash(), "/")
