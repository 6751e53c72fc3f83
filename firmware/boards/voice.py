"""The voice of the five-key boards: a DFPlayer, or a buzzer where there is none."""

import asyncio

import machine

_BEEP_MS = 120


class Voice:
    """A DFPlayer Mini (serial protocol of its data sheet, 9,600 baud), or the buzzer without one.

    Every command asks for an acknowledgement: a player from which nothing has come since the last
    command is not there, and the buzzer speaks in its place.
    """

    def __init__(self, tx, rx, buzzer):
        self._uart = machine.UART(1, baudrate=9600, tx=machine.Pin(tx), rx=machine.Pin(rx))
        self._buzzer = machine.PWM(machine.Pin(buzzer), freq=2000, duty_u16=0)
        self._has_answered = self._is_silent = False
        self._beep = None

    def say(self, prompt):
        """Plays file `prompt` of the folder MP3, from 0001.mp3; or beeps, the same for all."""
        if self._is_silent:
            return
        self._listen()
        if not self._has_answered:
            self._buzzer.duty_u16(32768)
            self._beep = asyncio.create_task(self._end_beep())
        self._has_answered = False
        self._send(0x12, prompt)

    def set_volume(self, volume):
        self._is_silent = volume == 0
        self._send(0x06, volume)

    def is_there(self):
        """Whether the player has answered what was last said to it."""
        self._listen()
        return self._has_answered

    def _listen(self):
        if self._uart.any():
            self._uart.read()
            self._has_answered = True

    def _send(self, command, parameter):
        body = bytes([0xFF, 6, command, 1, parameter >> 8, parameter & 0xFF])
        total = -sum(body) & 0xFFFF
        self._uart.write(b"\x7e" + body + bytes([total >> 8, total & 0xFF]) + b"\xef")

    async def _end_beep(self):
        await asyncio.sleep_ms(_BEEP_MS)
        self._buzzer.duty_u16(0)
