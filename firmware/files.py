"""The journal's file system on a board: MicroPython's own `open` and `os`.

LittleFS commits a file's update when it is closed, so an append that has returned survives a
power cut at any instant after it.
"""

import os


class Files:
    """Files in one folder, best the root of a file system of its own; it is made if need be.

    The slots lie in a folder within it. LittleFS keeps a folder in a pair of blocks; when one of
    them goes bad, all that the folder holds goes back to an earlier time, and slots that went back
    together with the segments would give out seqs a second time (JRN-2).

    os, open: a board's own, or another file system's that has `listdir`, `mkdir` and `remove`.
    opened(): called whenever a file is opened for reading: a start reads them all.
    """

    def __init__(self, folder, os=os, open=open, opened=lambda: None):
        self._folder = folder
        self._slots = f"{folder}/slots"
        self._os = os
        self._open = open
        self._opened = opened
        for path in (folder, self._slots):
            try:
                os.mkdir(path)
            except OSError:
                os.listdir(path)  # it is there, or this says what is wrong

    def names(self) -> list:
        """The names of all files."""
        names = [name for name in self._os.listdir(self._folder) if name != "slots"]
        return names + self._os.listdir(self._slots)

    def open(self, name):
        """The file, open for reading bytes. Raises OSError if there is none."""
        self._opened()
        return self._open(self._path(name), "rb")

    def append(self, name, data):
        """Adds data to the file's end; closed when this returns."""
        with self._open(self._path(name), "ab") as file:
            file.write(data)

    def write(self, name, data):
        """Makes the file hold data and nothing else; closed when this returns."""
        with self._open(self._path(name), "wb") as file:
            file.write(data)

    def remove(self, name):
        """Removes the file."""
        self._os.remove(self._path(name))

    def _path(self, name):
        return f"{self._slots if name.startswith('slot') else self._folder}/{name}"
