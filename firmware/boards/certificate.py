"""When a certificate is valid: all of it that MicroPython does not check the way we need.

Whose certificate it is, TLS itself checks; firmware/boards/wire.py says what dates are asked for.
"""

# Ends of months in days, of a year that begins in March (so that a leap day comes last).
_MARCH_DAYS = (0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337)
_TO_1970 = 719468  # days from 1 March of the year 0
_SEQUENCE, _VERSION, _UTC_TIME = 0x30, 0xA0, 0x17


def validity(der) -> "tuple[int, int]":
    """(first, last) Unix second of an X.509 certificate in DER (RFC 5280, 4.1).

    Raises ValueError for what is no certificate.
    """
    try:
        at, _ = _enter(der, 0)  # Certificate
        at, _ = _enter(der, at)  # tbsCertificate
        if der[at] == _VERSION:
            at = _after(der, at)
        for _ in range(3):  # serialNumber, signature, issuer
            at = _after(der, at)
        at, _ = _enter(der, at)
        return _time(der, at), _time(der, _after(der, at))
    except IndexError:
        raise ValueError("no certificate: it ends too early")


def _enter(der, at):
    """(start, end) of what is in the sequence at `at`."""
    if der[at] != _SEQUENCE:
        raise ValueError("no certificate: no sequence where one must be")
    return _contents(der, at)


def _after(der, at):
    return _contents(der, at)[1]


def _contents(der, at):
    length, start = der[at + 1], at + 2
    if length > 0x7F:
        count, length = length & 0x7F, 0
        for _ in range(count):
            length = length << 8 | der[start]
            start += 1
    return start, start + length


def _time(der, at):
    """Unix second of a UTCTime YYMMDDhhmmssZ or a GeneralizedTime with a year of four digits."""
    start, end = _contents(der, at)
    text = str(bytes(der[start:end]), "ascii")
    if der[at] == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    year, month, day, hour, minute, second = [
        int(text[begin:stop])
        for begin, stop in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
    ]
    if not 1 <= month <= 12:
        raise ValueError("no certificate: a month that there is not")
    year -= month < 3
    days = year * 365 + year // 4 - year // 100 + year // 400
    days += _MARCH_DAYS[(month + 9) % 12] + day - 1 - _TO_1970
    return ((days * 24 + hour) * 60 + minute) * 60 + second
