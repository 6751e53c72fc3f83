"""What a connection owes its keep-alive. Runs on the unix port: CPython has no milliseconds."""

import asyncio
import unittest

from firmware.mqtt import LARGEST, Mqtt, MqttError

RUNS = hasattr(asyncio, "run") and hasattr(asyncio, "sleep_ms")


class Stuck:
    """Takes nothing more, and says nothing: TCP may wait for an hour like this."""

    async def write(self, data):
        await asyncio.sleep_ms(600000)

    async def readinto(self, buffer):
        await asyncio.sleep_ms(600000)


class Told:
    """Says `data` in pieces of one byte, and then that this is the end."""

    def __init__(self, data):
        self._data = list(data)

    async def readinto(self, buffer):
        await asyncio.sleep_ms(0)
        if not self._data:
            return 0
        buffer[0] = self._data.pop(0)
        return 1

    async def write(self, data):
        await asyncio.sleep_ms(0)


def connection(stream):
    ticks = [0]

    def ticks_ms():
        ticks[0] += 400  # at every look
        return ticks[0]

    return Mqtt(stream, bytearray(LARGEST), ticks_ms, lambda new, old: new - old, 8, 5000)


class TestKeepAlive(unittest.TestCase):
    def test_a_stuck_write_does_not_hold_up_the_watch(self):
        if not RUNS:
            return
        mqtt = connection(Stuck())

        async def both():
            writing = asyncio.create_task(mqtt.publish("topic", b"x"))
            pinging = asyncio.create_task(mqtt.keep_alive(0))
            try:
                await asyncio.wait_for_ms(mqtt.watch(0), 1000)
            finally:
                writing.cancel()
                pinging.cancel()

        with self.assertRaises(MqttError):
            asyncio.run(both())


class TestReceiving(unittest.TestCase):
    def test_a_packet_comes_whole_from_pieces_and_the_end_is_an_error(self):
        if not RUNS:
            return
        body = b"\x00\x01t" + b"x" * 300
        mqtt = connection(Told(b"\x30\xaf\x02" + body + b"\x30\x03\x00\x01u"))
        found = []
        with self.assertRaises(MqttError):
            asyncio.run(mqtt.run(lambda *message: found.append(message), None))
        self.assertEqual(found, [("t", b"x" * 300, False), ("u", b"", False)])

    def test_what_is_too_long_is_not_read(self):
        if not RUNS:
            return
        with self.assertRaises(MqttError):
            asyncio.run(connection(Told(b"\x30\xff\xff\x7f")).run(None, None))


if __name__ == "__main__":
    unittest.main()
