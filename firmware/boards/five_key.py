"""What the five-key boards have in common: keys, lamps, voice and the broker's stream.

A board (esp32_five_key/ is the first) says which pins, which flash and which network. The parts
are driven through `machine`; docs/hardware.md has the wiring.
"""

import asyncio
import gc
import os
import time

import machine

from firmware.boards.network_settings import read_network
from firmware.boards.voice import Voice
from firmware.boards.wire import Trust, open_stream
from firmware.bundle import IDENTITY
from firmware.timing import happens
from protocol.limits import MESSAGE_BYTES

_SETTINGS = "/settings"
# Collected at the latest after so many bytes: garbage that fills the heap to its top strands what
# lives long up there, and 128 KB ran out 12 times in 4,000 ratings with 30 KB free.
_GARBAGE_BYTES = 8000
_FEED_MS = 2000
_WATCHDOG_MS = 8000  # an RP2 can count to 8,388
_BLINK_MS = 250
_BLIP_MS = 120  # of the ready lamp, the answer to a press
_CAUSES = {
    machine.PWRON_RESET: "power",  # a brown-out is one, too, on both ports
    machine.WDT_RESET: "watchdog",
}

OFF, ON, BLINK = 0, 1, 2
# Face: the five lamps (always all alike), the ready lamp, the voice's prompt (0: none).
FACES = {
    "starting": (OFF, ON, 0),
    "standby": (OFF, OFF, 0),
    "serving": (OFF, ON, 0),
    "inviting": (ON, ON, 1),
    "thanking": (OFF, ON, 2),
    "asking": (BLINK, ON, 3),
    "out_of_service": (OFF, BLINK, 4),
    "technician": (OFF, BLINK, 5),
}
ANSWERS = {"not_now": 6, "one_key": 7, "noted": 8, "tried": 9}  # prompts
PROMPTS = (
    "请您为我的服务进行评价",
    "谢谢您的评价",
    "为什么？请按键选择原因，也可以不选",
    "评价器暂停服务",
    "请逐一按下五个键",
    "（叮）",
    "请只按一个键",
    "已记录，谢谢",
    "（叮）",
)


class FiveKey:
    """Five contacts to ground, six lamps, a voice and a network that is handed in.

    pins: {name: GPIO number}. pull: of the keys, None where resistors do it. files(opened): the
    journal's, each opening is told (firmware/files.py); timing: too. network: `connect(settings)`
    (await) returns when there is a link, or raises OSError; settings are /network.json's members;
    `interface` is the chip's. chip: `put(number)` and `get()` keep a number below 256 through a
    restart, and through no power cut; `rest()` keeps a watchdog that runs from biting.
    """

    input = "key"
    ticks_ms = staticmethod(time.ticks_ms)
    ticks_diff = staticmethod(time.ticks_diff)

    def __init__(self, pins, pull, files, timing, network, chip):
        self._watchdog = None
        pin = machine.Pin
        self.files = files(self._feed)
        self.timing = timing
        self._network = network
        self._chip = chip
        self._settings = None
        self._trust = Trust()
        gc.threshold(_GARBAGE_BYTES)
        self._keys = [pin(pins[f"key_{n}"], pin.IN, pull) for n in range(1, 6)]
        self._lamps = [pin(pins[f"lamp_{n}"], pin.OUT, value=0) for n in range(1, 6)]
        self._ready = pin(pins["ready"], pin.OUT, value=0)
        self._voice = Voice(pins["voice_tx"], pins["voice_rx"], pins["buzzer"])
        self._moved = asyncio.ThreadSafeFlag()  # the one thing that an interrupt may set
        for key in self._keys:
            key.irq(self._note_move, pin.IRQ_FALLING | pin.IRQ_RISING)
        self._shown = None
        self._blinking = self._blip = None

    def read_bundle(self):
        """The bundle's JSON, from where enrolment wrote it. Raises OSError if there is none."""
        with open(IDENTITY, "rb") as file:
            return file.read()

    def read_settings(self):
        """What was kept last. Raises OSError if there is nothing."""
        with open(_SETTINGS, "rb") as file:
            return file.read(MESSAGE_BYTES)

    def keep_settings(self, data):
        """Keeps the settings' envelope; LittleFS commits it when the file is closed."""
        with open(_SETTINGS, "wb") as file:
            file.write(data)

    def start_cause(self):
        """Why this start happened, a word for the `boot` record."""
        return _CAUSES.get(machine.reset_cause(), "reset")

    def note(self):
        """What the last `restart` was given, once; 0 for nothing."""
        note = self._chip.get()
        self._chip.put(0)
        return note

    def closed_keys(self):
        """The contacts that are closed now, bit 0 is level 1."""
        self._feed()
        closed = 0
        for number, key in enumerate(self._keys):
            closed |= (1 - key.value()) << number
        return closed

    async def key_change(self):
        """Waits until a contact has moved."""
        while not await happens(self._moved, _FEED_MS):
            self._feed()

    def chosen(self):
        """No key is a list of reasons."""
        return None

    def show(self, face, ticket, settings, text):
        """Lamps and voice of a face; settings and text are for boards with a screen."""
        lamps, ready, prompt = FACES[face]
        if (face, ticket) != self._shown:
            self._shown = face, ticket
            self._light(lamps, ready)
            if prompt:
                self._voice.say(prompt)

    def answer(self, answer, level):
        """The ready lamp's blip and a sound; `level`, a technician's, lights its own lamp."""
        self._ready.value(1 - self._ready.value())
        if level is not None:
            self._lamps[level - 1].value(1)
        self._voice.say(ANSWERS[answer])
        self._blip = asyncio.create_task(self._end_blip())

    def find(self, seconds):
        """All lamps blink for so long, or until another face is shown."""
        self._light(BLINK, BLINK, seconds * 1000 // _BLINK_MS)

    def set_volume(self, volume):
        """How loud the voice is, 0 to 30; 0 silences the buzzer, too."""
        self._voice.set_volume(volume)

    def selftest(self):
        """The parts that the board can try by itself, as [(word, is_good)]."""
        stuck = self.closed_keys()
        return [("sound", self._voice.is_there()), ("contacts", stuck & (stuck - 1) == 0)]

    def random(self, count):
        """Random bytes that nobody can guess: of the chip's own generator."""
        return os.urandom(count)

    def log(self, text):
        """A line for the technician."""
        print(text)

    def free_memory(self):
        """Bytes of the heap that nothing needs."""
        gc.collect()
        return gc.mem_free()

    def restart(self, note):
        """Restarts the device; the next start's `note` gives the number."""
        self._chip.put(note)
        machine.reset()

    def watch(self):
        """From now on a program that does not come back is ended. Only the device's asks for it:
        a bench that looks at a board's parts feeds nothing.
        """
        self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)

    def rest(self):
        """The program was stopped from the cable: nothing feeds the watchdog from now on."""
        self._chip.rest()

    def check_network(self):
        """Raises ValueError if what says how to reach the hall cannot be read."""
        self._settings = read_network()

    async def join(self):
        """Waits until there is a network. Raises OSError."""
        await self._network.connect(self._settings)

    async def connect(self, host, port, ca):
        """A byte stream to the broker, with TLS if there is a CA. Raises OSError."""
        server = self._network.interface.ifconfig()[3]
        return await open_stream(self._trust, host, port, ca, server)

    def tell_time(self, now_ms):
        """Takes the hall's time; whether the broker's certificate has expired by it."""
        return self._trust.tell(now_ms // 1000)

    def _note_move(self, _):
        self._moved.set()

    def _feed(self):
        if self._watchdog is not None:
            self._watchdog.feed()

    def _light(self, lamps, ready, blinks=-1):
        if self._blinking is not None:
            self._blinking.cancel()
            self._blinking = None
        self._set(lamps != OFF, ready != OFF)
        if BLINK in (lamps, ready):
            self._blinking = asyncio.create_task(self._blink(lamps, ready, blinks))

    def _set(self, lamps, ready):
        for lamp in self._lamps:
            lamp.value(int(lamps))
        self._ready.value(int(ready))

    async def _blink(self, lamps, ready, blinks):
        is_lit = True
        while blinks:
            await asyncio.sleep_ms(_BLINK_MS)
            is_lit = not is_lit
            blinks -= 1
            self._set(lamps and (lamps == ON or is_lit), ready and (ready == ON or is_lit))
        self._blinking = None  # a task cannot end itself
        if self._shown is not None:
            self._light(*FACES[self._shown[0]][:2])

    async def _end_blip(self):
        await asyncio.sleep_ms(_BLIP_MS)
        if self._shown is not None:  # of the face that is shown by now
            self._ready.value(FACES[self._shown[0]][1] != OFF)


class NoFlash:
    """In place of the journal's files when their partition cannot be mounted: nothing works, and
    nothing is written anywhere else. The app says that the journal is lost.
    """

    def __init__(self, error):
        self._error = error

    def names(self):
        raise self._error

    def open(self, name):
        raise self._error

    def append(self, name, data):
        raise self._error

    def write(self, name, data):
        raise self._error

    def remove(self, name):
        raise self._error


def is_enrolled():
    """Whether somebody may still need what is in the journal."""
    try:
        os.stat(IDENTITY)
    except OSError:
        return False
    return True
