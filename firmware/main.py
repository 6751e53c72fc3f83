"""What MicroPython runs at power-on, in the root of every device's flash."""

import asyncio

from firmware.app import serve
from firmware.boards import this_board

board = this_board()
# The WebAssembly build's loop is JavaScript's: it has no `run`, and a task starts by itself.
run = getattr(asyncio, "run", asyncio.create_task)
try:
    run(serve(board))
except KeyboardInterrupt:  # a bench on the cable
    try:
        board.rest()
    except KeyboardInterrupt:  # which says so twice
        board.rest()
    raise
