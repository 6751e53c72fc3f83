"""A virtual hall: the real firmware on a real MicroPython, people, and an oracle outside it all.

Imports protocol only; the firmware is files (build/firmware), the other tiers are processes
started through `pingjia`. Rooms, from the top (a room imports only rooms below it): `cli/` the
commands; `demo` the whole hall, `technician` who types a page's commands; `terminal` how a hall
looks; `parts/` its processes, a run of them with devices and people, and what goes wrong with
them; `people/` who presses; `devices/` the virtual devices, `check/` who judges; `web` calls,
`pen` signs.
"""
