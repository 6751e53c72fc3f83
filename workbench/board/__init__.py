"""A board on its cable, and what is put on it.

`repl` is the cable (raw REPL), `ports` what is plugged in, `image` puts MicroPython itself on,
`flash` the firmware of a `release`; `on_board` is what runs at the other end.
"""
