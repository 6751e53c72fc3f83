"""A hall and its centre are copied while people rate, destroyed, and restored from the copies."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
from storms import holds, run_with

from simulator.parts.part import pingjia

_RATINGS = {
    "central.db": "SELECT count(*) FROM record WHERE kind = 'rating'",
    "gateway.sqlite": "SELECT count(*) FROM envelope WHERE kind = 'rating'",
}


def ratings_in(copy: Path, name: str) -> int:
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        return connection.execute(_RATINGS[name]).fetchone()[0]


class Tier:
    """One of the two, as the test destroys it."""

    def __init__(self, run, name: str):
        self.run, self.name, self.folder = run, name, run.hall.folder
        self.part = run.hall.centre if name == "central" else run.hall.gateway
        of_gateway = Path("gateway-data") / "gateway.sqlite"
        self.database = self.folder / ("central.db" if name == "central" else of_gateway)

    async def command(self, *words) -> str:
        config = "central.toml" if self.name == "central" else "gateway.toml"
        return await pingjia(self.name, *words, "--config", config, folder=self.folder)

    async def copy(self) -> Path:
        """Copied by the command; and, for the control, as people copy files."""
        copy = self.folder / f"{self.name}.copy"
        shutil.copyfile(self.database, self.folder / f"{self.name}.plain")
        told = await self.command("backup", copy)
        secrets = ("master.secret",) if self.name == "central" else ("hall.token",)
        for secret in secrets:
            assert str(self.folder / secret) in told
            assert (self.folder / secret).read_bytes().strip() not in copy.read_bytes()
        return copy

    async def destroy(self) -> None:
        await self.part.kill()
        for path in self.database.parent.glob(f"{self.database.name}*"):
            path.unlink()
        if self.name == "gateway":
            shutil.rmtree(self.database.parent)

    async def health(self) -> dict:
        async with httpx2.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{self.part.url}/healthz")).json()


async def restored(run, name: str) -> None:
    """Copies one of the two while people rate, and go on; destroys it, restores it."""
    tier = Tier(run, name)
    await more(run)
    held = len(await run.ratings())
    copy = await tier.copy()
    await more(run)  # the hall, and the centre, have what the copy lacks
    await tier.destroy()
    await tier.command("restore", copy)
    await tier.part.start()
    assert "restored" in str(await tier.health())
    assert ratings_in(copy, tier.database.name) >= held
    plain = tier.folder / f"{name}.plain"
    assert ratings_in(plain, tier.database.name) < held, "the control: the file alone loses"
    async with asyncio.timeout(90):  # a device says how far it is every minute
        while (await tier.health())["status"] != "ok":
            await asyncio.sleep(0.2)
    assert await run.until_all_arrived()


async def more(run):
    """Until some more people have rated, and the centre has them."""
    thanked = run.thanked()
    await run.until(lambda: run.thanked() >= thanked + 5)
    assert await run.until_all_arrived()


def test_both_are_copied_under_load_destroyed_restored_and_nothing_is_lost(tmp_path, firmware):
    """One after the other: what only those two held would be lost (docs/copies.md). After a clean
    stop each file is whole without what stood beside it.
    """

    async def scenario(run):
        people = asyncio.create_task(run.crowd.run(None))
        await restored(run, "gateway")
        await restored(run, "central")
        run.crowd.stop()
        await people
        assert await run.until_all_arrived()
        count = len(await run.ratings())
        hall = run.hall
        for part, database in (
            (hall.gateway, hall.folder / "gateway-data" / "gateway.sqlite"),
            (hall.centre, hall.folder / "central.db"),
        ):
            await part.stop()
            alone = shutil.copyfile(database, hall.folder / "alone")
            if database.name == "central.db":
                assert ratings_in(alone, database.name) == count
            assert not database.with_name(f"{database.name}-wal").exists()
        await hall.centre.start()
        await hall.gateway.start()

    holds(run_with(tmp_path, firmware, scenario, windows=2, prepare=heads_soon))


def heads_soon(hall):
    with (hall.folder / "gateway.toml").open("a") as settings:
        settings.write("head_every_s = 0.5\n")
