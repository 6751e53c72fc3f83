"""The journal's file system on a board: MicroPython's own `open` and `os`, in one folder.

LittleFS commits a file's update when it is closed, so an append that has returned survives a
power cut at any instant after it.
"""

import os


class Files:
    """Files in one flat folder, which is made if it is not there."""

    def __init__(self, folder):
        self._folder = folder
        try:
            os.mkdir(folder)
        except OSError:
            os.listdir(folder)  # it is there, or this says what is wrong

    def names(self) -> list:
        """The names of all files."""
        return os.listdir(self._folder)

    def open(self, name):
        """The file, open for reading bytes. Raises OSError if there is none."""
        return open(self._path(name), "rb")

    def append(self, name, data):
        """Adds data to the file's end; closed when this returns."""
        with open(self._path(name), "ab") as file:
            file.write(data)

    def write(self, name, data):
        """Makes the file hold data and nothing else; closed when this returns."""
        with open(self._path(name), "wb") as file:
            file.write(data)

    def remove(self, name):
        """Removes the file."""
        os.remove(self._path(name))

    def _path(self, name):
        return f"{self._folder}/{name}"
