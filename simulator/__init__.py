"""A virtual hall: the real firmware on a real MicroPython, people, and an oracle outside it all.

Imports protocol only; the firmware is files (build/firmware), the other tiers are processes
started through `pingjia`. Read on: `fleet` (virtual devices), `crowd` (who presses), `oracle` (who
judges), `demo` (the whole hall).
"""
