"""Every duration and size that the firmware chooses, with its reason; boards may differ. And how
to wait for an event, but not for ever.
"""

import asyncio


class Timing:
    """What is usual; a board's own `changes` {name: value} stand above it.

    Raises TypeError for a name that is none of these.
    """

    settle_ms = 20  # a tactile switch bounces for 5 to 10 ms
    sample_ms = 5
    stuck_ms = 15000  # nobody leans on a key for 15 s: it is broken, the others go on
    thanks_ms = 2000  # long enough to be read, over before the next citizen sits down
    why_ms = 6000  # to read five words and press; the next citizen's ticket ends it earlier
    technician_ms = 500  # keys 1 and 5 held at the start: no citizen does it by chance
    test_ms = 60000  # to press five keys and look at five lamps
    state_ms = 60000  # STA-1
    round_ms = 10000  # SND-1: 10 s to 5 min
    round_max_ms = 300000
    answer_ms = 2000  # how long the first round waits for the ack that answers the state
    in_flight = 8
    puback_ms = 5000  # then a message no longer holds a place among those in flight
    keep_alive_s = 20
    join_ms = 15000  # of the Wi-Fi; it grows, as an access point in trouble answers late
    join_max_ms = 60000
    connect_ms = 15000
    retry_ms = 1000
    retry_max_ms = 60000
    segment_records = 32  # 15 KB: four flash blocks, deleted whole
    segments = 64  # 2,015 ratings

    def __init__(self, changes: "dict | None" = None):
        for name, value in (changes or {}).items():
            if not hasattr(Timing, name):
                raise TypeError(f"there is no timing {name}")
            setattr(self, name, value)


# The partition for the journal of those segments, filled with the longest ratings: six blocks of
# 4 KB each, and one in six free, so that LittleFS finds room to write and blocks to spread wear.
JOURNAL_BYTES = 1792 * 1024

RATINGS_A_DAY = 200  # of a busy window: 8 hours, one every two and a half minutes


async def happens(event, ms: int) -> bool:
    """Whether `event` is set within ms milliseconds."""
    try:
        await asyncio.wait_for_ms(event.wait(), ms)
    except asyncio.TimeoutError:
        return False
    return True
