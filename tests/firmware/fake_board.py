"""A board that does what a test says and remembers what was done to it, in order."""

import asyncio
import json

from flash_files import FlashFiles

from firmware.timing import Timing

TURN = 1 << 30  # MicroPython's ticks wrap here on 32-bit ports
KEY = bytes(range(32))
BUNDLE = {
    "device": "xj-0417",
    "epoch": 29333341,
    "key": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "hall": "demo",
    "mqtt": {
        "host": "127.0.0.1",
        "port": 1883,
        "username": "xj-0417",
        "password": "secret",
        "ca": None,
    },
}


class FakeBoard:
    """`log` holds ("append", file), ("show", face) and the like; `now` is its time."""

    input = "key"

    def __init__(self, **changes):
        self.choices = []
        self.files = FlashFiles()
        self.timing = Timing(changes)
        self.now = 0
        self.restarts = 0
        self.kept = 0
        self.settings = None
        self.torn_network = False
        self.told = None
        self.expires_ms = TURN**3

    @property
    def done(self):
        """What was done, in order."""
        return self.files.log

    def ticks_ms(self):
        return self.now % TURN

    def ticks_diff(self, new, old):
        return (new - old + TURN // 2) % TURN - TURN // 2

    def watch(self):
        self.done.append(("watch", None))

    async def key_change(self):
        await asyncio.sleep(3600)  # nobody presses

    def read_bundle(self):
        return json.dumps(BUNDLE).encode()

    def read_settings(self):
        if self.settings is None:
            raise OSError(2)
        return self.settings

    def keep_settings(self, data):
        self.done.append(("keep", "settings"))
        self.settings = data

    def start_cause(self):
        return "power"

    def note(self):
        note, self.kept = self.kept, 0
        return note

    def chosen(self):
        return self.choices.pop(0) if self.choices else None

    def ask(self, level):
        self.done.append(("ask", level))

    def show(self, face, ticket, settings, text):
        self.done.append(("show", face))

    def answer(self, answer, level):
        self.done.append(("answer", answer, level))

    def set_volume(self, volume):
        self.done.append(("volume", volume))

    def selftest(self):
        return [("flash", True)]

    def random(self, count):
        return bytes(count)

    def log(self, text):
        self.done.append(("log", text))

    def find(self, seconds):
        self.done.append(("find", seconds))

    def check_network(self):
        if self.torn_network:
            raise ValueError("/network.json is torn")

    def tell_time(self, now_ms):
        self.told = now_ms
        return now_ms > self.expires_ms

    def free_memory(self):
        return 65536

    def restart(self, note):
        self.restarts += 1
        self.kept = note
