"""Waiting for an event, but not for ever."""

import asyncio


async def happens(event, ms: int) -> bool:
    """Whether `event` is set within ms milliseconds."""
    try:
        await asyncio.wait_for_ms(event.wait(), ms)
    except asyncio.TimeoutError:
        return False
    return True
