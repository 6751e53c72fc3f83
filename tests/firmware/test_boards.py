"""Which board a device is: its bundle's word, else the port's own."""

import json
import sys
import unittest
from collections import OrderedDict

from firmware.boards import load, name_of
from firmware.bundle import read_bundle
from protocol.field import ProtocolError

OWN = sys.platform + "_five_key"


def bundle(**more):
    mqtt = {"host": "h", "port": 1883, "username": "xj-0417", "password": "p", "ca": None}
    members = OrderedDict([("device", "xj-0417"), ("epoch", 1), ("key", "0" * 64)])
    members.update([("hall", "demo"), ("mqtt", mqtt)])
    members.update(more)
    return json.dumps(members).encode()


class TestBoards(unittest.TestCase):
    def test_a_bundle_may_name_its_board(self):
        self.assertEqual(name_of(bundle(board="esp32_screen")), "esp32_screen")
        self.assertEqual(read_bundle(bundle(board="esp32_screen")).board, "esp32_screen")

    def test_without_a_name_it_is_the_ports_own(self):
        for data in (bundle(), bundle(board=None), b"", b"{}"):
            self.assertEqual(name_of(data), OWN)

    def test_a_name_that_is_none_is_refused_before_it_is_imported(self):
        for name in ("", "../app", "a.b", "Esp32", "a-b", "x" * 33, 5):
            self.assertEqual(name_of(bundle(board=name)), OWN)
            with self.assertRaises(ProtocolError):
                read_bundle(bundle(board=name))

    def test_a_board_that_is_not_there_is_named(self):
        with self.assertRaises(RuntimeError) as caught:
            load("nobody")
        self.assertIn("nobody", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
