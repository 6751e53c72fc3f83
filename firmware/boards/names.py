"""Asking a name server without waiting for it (RFC 1035): boards' own look-up stops everything,
for 14 s and more where none answers.

Bytes in, bytes out; firmware/boards/wire.py has the socket.
"""

_HEAD = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"  # recursion desired, one question
_ADDRESS_OF = b"\x00\x01\x00\x01"  # type A, class IN
_POINTER = 0xC0


def question(host: str, number: bytes) -> bytes:
    """The packet that asks for a host's IPv4 address; number: two bytes that nobody can guess."""
    labels = [label.encode() for label in host.split(".") if label]
    return (
        number
        + _HEAD
        + b"".join([bytes([len(one)]) + one for one in labels])
        + b"\0"
        + _ADDRESS_OF
    )


def answer(packet: bytes, asked: bytes):
    """The address in the answer to the packet `asked`; None if it is no answer, or has none."""
    if len(packet) < len(asked) or packet[:2] != asked[:2] or not packet[2] & 0x80:
        return None
    if packet[3] & 0x0F or packet[12 : len(asked)] != asked[12:]:
        return None
    at = len(asked)
    try:
        for _ in range(packet[6] << 8 | packet[7]):
            while packet[at] and packet[at] < _POINTER:
                at += packet[at] + 1
            at += 2 if packet[at] >= _POINTER else 1
            length = packet[at + 8] << 8 | packet[at + 9]
            if packet[at : at + 4] == _ADDRESS_OF and length == 4 <= len(packet) - at - 10:
                return ".".join([str(byte) for byte in packet[at + 10 : at + 14]])
            at += 10 + length
    except IndexError:
        pass
    return None
