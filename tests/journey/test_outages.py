"""The centre goes and comes back, in the profiles of FAULTS 6; nothing is lost or doubled."""

import asyncio

import pytest
from storms import holds, run_with

# (seconds away, seconds there), how often
PROFILES = [((5, 5), 5), ((10, 10), 3), ((30, 30), 2)]


@pytest.mark.long
@pytest.mark.parametrize(("seconds", "times"), PROFILES, ids=str)
def test_outages_of_the_centre_lose_nothing(tmp_path, firmware, seconds, times):
    async def scenario(run):
        people = asyncio.create_task(run.crowd.run(None))
        for _ in range(times):
            thanked = run.thanked()
            await run.hall.centre.kill()
            await asyncio.sleep(seconds[0])
            assert run.thanked() > thanked, "people are thanked while the centre is away"
            await run.hall.centre.start()
            await asyncio.sleep(seconds[1])
        run.crowd.stop()
        await people

    holds(run_with(tmp_path, firmware, scenario))
