"""A hall without a network: what was rated is carried to the centre, and the receipts back."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from storms import holds, run_with

from simulator.parts.part import PartError, pingjia
from simulator.parts.run import Run

PAGE = (Path(__file__).parents[2] / "docs" / "carry.md").read_text("utf-8")
OUT, CENTRE, IN = re.findall(r"^pingjia (\w+ carry (?!xj).*)$", PAGE, re.MULTILINE)
RECEIVED = (
    "SELECT count(*) FROM envelope LEFT JOIN receipt USING (device, epoch)"
    " WHERE envelope.kind = 'rating' AND (receipt.seq IS NULL OR receipt.seq < envelope.seq)"
)


class Courier:
    """Carries files between the two of a run, as the page says. number: of the trip."""

    def __init__(self, run: Run):
        self.run, self.folder = run, run.hall.folder
        self.number = 0

    async def type(self, line: str) -> str:
        line = line.replace("/media/stick/xj-01", f"trip-{self.number}")
        words = line.replace("xj-01.token", "hall.token").split()
        if words[0] == "gateway":
            words += ["--config", "gateway.toml"]
        else:
            words += ["--centre", self.run.hall.centre.url]
        return await pingjia(*words, folder=self.folder)

    async def out(self) -> str:
        self.number += 1
        return await self.type(OUT)

    async def trip(self) -> str:
        await self.out()
        said = await self.type(CENTRE)
        await self.type(IN)
        return said

    def without_receipt(self) -> int:
        """Ratings in the gateway that no receipt covers."""
        path = self.folder / "gateway-data" / "gateway.sqlite"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(RECEIVED).fetchone()[0]

    async def waiting(self) -> int:
        return (await self.run.queue.status())["waiting"]


async def more(run: Run) -> None:
    thanked = run.thanked()
    await run.until(lambda: run.thanked() >= thanked + 6)


@pytest.mark.long
def test_a_day_is_carried_and_nothing_depends_on_one_file(tmp_path, firmware):
    async def scenario(run):
        hall = run.hall
        courier = Courier(run)
        await hall.gateway.stop()
        with (hall.folder / "gateway.toml").open("a") as settings:
            settings.write("carried = true\n")
        await hall.gateway.start()
        before = len(await run.ratings())
        people = asyncio.create_task(run.crowd.run(None))
        await more(run)
        await courier.out()  # and lost
        await more(run)
        assert len(await run.ratings()) == before, "the control: the hall has a network"
        assert courier.without_receipt() > 0
        said = await courier.trip()
        count = len(await run.ratings())
        assert count >= before + 12
        assert "rejected" not in said
        with pytest.raises(PartError, match="is there already"):
            await courier.type(CENTRE)
        (hall.folder / f"trip-{courier.number}.in").unlink()
        await courier.type(CENTRE)  # as if the answers had been lost
        await courier.type(IN)
        assert len(await run.ratings()) == count
        await more(run)
        run.crowd.stop()
        await people
        await run.until_acknowledged()
        await courier.trip()
        await courier.trip()  # and what became of the services
        async with asyncio.timeout(20):
            while courier.without_receipt() or await courier.waiting():
                await asyncio.sleep(0.2)

    holds(run_with(tmp_path, firmware, scenario, windows=2))
