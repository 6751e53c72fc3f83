"""Read by every Python under tests/stepped_clock.py: libfaketime 0.9.10 refuses what `time.sleep`
asks the system for (`clock_nanosleep`, EINVAL), unless it moves the monotonic clock, too.
"""

import threading
import time

time.sleep = lambda seconds: threading.Event().wait(seconds) and None
