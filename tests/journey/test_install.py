"""From the archive to the last rating, by docs/install.md, on a booted machine without network.

Citizens rate all the time; services are killed and frozen, the centre is away, there is a newer
release with other tables and the way back. (Issue 27, Done when 1.)
"""

import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from booted import Machine, why_not

from deploy.build_bundle import bundle
from deploy.build_wheel import build

ROOT = Path(__file__).parents[2]
INSTALL, COPIES = (ROOT / "docs" / f"{name}.md" for name in ("install", "copies"))
HERE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
NEWER = f"{HERE}.1"
VAR, RUN = "/var/lib/pingjia", "/var/lib/pingjia/run"
CENTRAL, GATEWAY = UNITS = ("pingjia-central", "pingjia-gateway")
WINDOWS = [f"w{number:02}" for number in range(1, 5)]
ANSWERS = {
    "centre": '"http://127.0.0.1:8443"',
    "token_file": f'"{VAR}/xj-01.token"',
    "address": '"127.0.0.1"',
}
FROZEN_S = 30 + 2 + 13  # WatchdogSec, RestartSec, and what the start takes beside others
pytestmark = pytest.mark.long

MIGRATION = '''"""One more table."""

import sqlalchemy as sa
from alembic import op

revision = "{new}"
down_revision = "{old}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("newer", sa.Column("id", sa.Integer(), primary_key=True))
'''


@pytest.fixture(scope="module")
def share(tmp_path_factory, firmware) -> Path:
    """A folder with the archives of this release and of a newer one, and the builder's key."""
    why = why_not()
    if why is not None:
        is_failure = os.environ.get("PINGJIA_REQUIRE") == "all"
        (pytest.fail if is_failure else pytest.skip)(f"no machine can be booted here: {why}")
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = subprocess.run(
        ["/usr/bin/python3", "-c", version], capture_output=True, text=True, check=True
    ).stdout.strip()
    folder, made = tmp_path_factory.mktemp("share"), tmp_path_factory.mktemp("made")
    for root in (ROOT, newer(tmp_path_factory.mktemp("newer"))):
        bundle(folder, build(made, root), made / "builder.key", pythons=(python,))
    shutil.copyfile(made / "builder.pub", folder / "builder.pub")
    return folder


def newer(root: Path) -> Path:
    """The checkout with another version, and a migration more in both tiers."""
    for entry in ROOT.iterdir():
        if entry.name not in ("central", "gateway", "pyproject.toml", "build", ".venv"):
            (root / entry.name).symlink_to(entry)
    (root / "build").symlink_to(ROOT / "build")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    changed = re.sub(r'^version = ".*"$', f'version = "{NEWER}"', project, flags=re.MULTILINE)
    (root / "pyproject.toml").write_text(changed, "utf-8")
    for tier in ("central", "gateway"):
        shutil.copytree(ROOT / tier, root / tier, ignore=shutil.ignore_patterns("__pycache__"))
        store = root / tier / "store" / "database.py"
        (old,) = re.findall(r'^_NEWEST = "(\d+)"', store.read_text(), re.MULTILINE)
        new = f"{int(old) + 1:04}"
        store.write_text(store.read_text().replace(f'_NEWEST = "{old}"', f'_NEWEST = "{new}"'))
        versions = root / tier / "migrations" / "versions"
        (versions / f"{new}_newer.py").write_text(MIGRATION.format(new=new, old=old))
    return root


@pytest.fixture
def machine(share, tmp_path):
    machine = Machine(tmp_path, share)
    try:
        yield machine
    finally:
        machine.close()


def typed(heading: str, number: int = 0, page: Path = INSTALL) -> list[str]:
    """The lines of the page's number-th block under a heading."""
    section = page.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    block = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)[number]
    return block.splitlines()


class Hall:
    """What is installed on the machine, and who rates there. Files of the test's are in RUN."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.run = machine, machine.run

    def unpack(self, version: str) -> str:
        """Unpacks an archive as the page says, and looks at its signature; the folder."""
        self.run("cp /mnt/bundle/*.tar /mnt/bundle/builder.pub /tmp")
        name = f"pingjia-{version}-{os.uname().machine}"
        lines = [
            re.sub(r"pingjia-[\d.]+-x86_64", name, line)
            for line in typed("Unpack it, and look whose it is")
        ]
        assert "Verified OK" in self.run(f"cd /tmp && {' && '.join(lines)}")
        return f"/tmp/{name}"

    def follow(self, folder: str, lines: list[str], answers: dict[str, str] | None = None) -> str:
        """Types what the page says; where that is `vi FILE` the answers are changed."""
        out = ""
        for line in lines:
            if line.startswith("vi "):
                changes = " ".join(
                    f"-e 's|^{key} = .*|{key} = {value}|'"
                    for key, value in (answers or {}).items()
                )
                line = f"sed -i {changes} {line.split()[1]}"
            out += self.run(f"cd {folder} && {line}")
        return out

    def install(self, folder: str) -> None:
        """The centre, the hall, its CA at the centre, a token."""
        self.follow(folder, typed("A centre"), {"first_hall_address": '"127.0.0.1"'})
        said = self.follow(folder, typed("A hall"), ANSWERS)
        assert "FAIL" not in said
        self.follow(folder, typed("A hall", 1))
        self.follow(folder, typed("A hall", 2))

    def equip(self) -> None:
        """A window with a device each, enrolled at the centre."""
        rows = "".join(f"xj-01,{window},{window[1:]}号窗口\\n" for window in WINDOWS)
        devices = "".join(f"xj-01,{window},xj-00{window[1:]}\\n" for window in WINDOWS)
        self.run(
            f"install -d -o pingjia {RUN} && cd {RUN}"
            f" && printf '大厅,窗口编号,名称\\n{rows}' > 窗口.csv"
            f" && printf '大厅,窗口编号,评价器编号\\n{devices}' > 评价器.csv"
            f" && pingjia central directory import 窗口.csv 评价器.csv --bundles {RUN}/bundles"
            f" && pingjia sim device {RUN}/bundles/* --devices {RUN}/devices"
            f" && pingjia central token add --scope records:read --out {RUN}/reader.token"
        )

    def rate(self) -> None:
        """Citizens come, until `end`."""
        self._crowd = self.machine.started(
            f"pingjia sim run --devices {RUN}/devices --oracle {RUN}/oracle.jsonl"
            f" --gateway https://127.0.0.1:8080 --ca {VAR}/secure/ca.pem"
            f" --token-file {VAR}/queue.token > {RUN}/crowd.log 2>&1"  # a pipe would be full soon
        )

    def end(self) -> str:
        """Nobody comes any more; what the crowd has said."""
        self.run("pkill -INT -f '^/opt/pingjia/.*python .*sim run' || true")
        self._crowd.communicate(timeout=90)
        return self.run(f"tail -n 40 {RUN}/crowd.log")

    def presses(self) -> int:
        """How many the oracle has seen."""
        return int(self.run(f"cat {RUN}/oracle.jsonl 2>/dev/null | wc -l"))

    def more(self, count: int = 8) -> None:
        """Waits until so many more have pressed."""
        had = self.presses()
        wait(lambda: self.presses() >= had + count, 240, "nobody presses any more")

    def status(self) -> dict:
        """What the gateway says of itself."""
        return json.loads(self.machine.try_run("pingjia gateway status --json")[1])

    def verdict(self) -> dict:
        """The oracle's, when nothing waits any more."""
        wait(lambda: self.status().get("waiting") == 0, 120, "records wait in the gateway")
        command = (
            f"pingjia sim check --oracle {RUN}/oracle.jsonl --centre http://127.0.0.1:8443"
            f" --token-file {RUN}/reader.token --json"
        )
        deadline = time.monotonic() + 150  # a device offers every minute what is not receipted
        while True:
            code, out = self.machine.try_run(command)
            if code == 0 or time.monotonic() > deadline:
                return json.loads(out.splitlines()[-1])
            time.sleep(3)

    def secrets(self) -> set[str]:
        """Tokens, keys and passwords, as somebody could find them written."""
        out = self.run(
            f"cat {VAR}/*.token {RUN}/*.token /etc/pingjia/centre-token; echo;"
            f" xxd -p -c 64 {VAR}/master.secret 2>/dev/null || od -An -v -tx1 {VAR}/master.secret"
            " | tr -d ' \\n'; echo"
        )
        found = {line.strip() for line in out.splitlines() if line.strip()}
        for name in self.run(f"ls {RUN}/bundles").split():
            told = json.loads(self.run(f"cat {RUN}/bundles/{name}"))
            found |= {told["key"], told["mqtt"]["password"]}
        assert len(found) >= 4
        return found


def wait(is_so: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.5)


def test_from_the_archive_to_the_end_nothing_is_lost(machine):
    hall = Hall(machine)
    assert machine.run("ip -br link").split()[0] == "lo", "the control: there is a network"
    machine.run("systemctl enable --now mosquitto")  # Debian's, as its package leaves it
    folder = hall.unpack(HERE)
    hall.install(folder)
    assert machine.try_run("systemctl is-enabled mosquitto")[1].strip() == "disabled"
    exposure = machine.run("systemd-analyze security --no-pager")
    for unit in UNITS:
        (score,) = re.findall(rf"{unit}\.service +([\d.]+)", exposure)
        assert float(score) <= 1.5
    hall.equip()
    wait(lambda: (hall.status()["devices"] or {}) != {}, 90, "the hall never heard of its devices")
    hall.rate()
    try:
        survive(hall)
        back_and_forth(hall)
        move(hall, folder)
    finally:  # shown if it fails
        told = hall.end()
        print(told, hall.status(), hall.run("journalctl --no-pager -n 60"), sep="\n")
    verdict = hall.verdict()
    assert verdict["lost"] == verdict["duplicate"] == verdict["altered"] == 0, told
    assert verdict["thanked"] > 40
    look_for_secrets(hall)
    remove(hall, folder)


def survive(hall: Hall) -> None:
    """Each is killed, and the broker; both are frozen, and found to be."""
    hall.more()
    for unit in UNITS:
        before = hall.machine.main_pid(unit)
        hall.run(f"kill -9 {before}")
        wait(lambda: hall.machine.main_pid(unit) not in (0, before), 30, f"{unit} stays dead")  # noqa: B023
        hall.more(4)
    hall.run("pkill -9 -f '^/opt/pingjia/.*broker.mjs'")
    hall.more()
    frozen = {unit: hall.machine.main_pid(unit) for unit in UNITS}
    began = time.monotonic()
    hall.run(f"kill -STOP {' '.join(map(str, frozen.values()))}")
    for unit, before in frozen.items():
        wait(
            lambda: hall.machine.main_pid(unit) not in (0, before),  # noqa: B023
            FROZEN_S,
            f"{unit} hangs, and nobody minds",
        )
    assert time.monotonic() - began > 10, "the control: it was the watchdog"
    hall.more()


def back_and_forth(hall: Hall) -> None:
    """Upgraded with a backlog, to other tables; back again while people rate."""
    hall.run(f"systemctl stop {CENTRAL}")
    hall.more()
    assert hall.status()["waiting"] > 0
    folder = hall.unpack(NEWER)
    said = hall.follow(folder, typed("A newer version, and back"))
    assert said.count("copied to") == 2
    assert hall.status()["version"] == NEWER
    hall.more(16)
    old = f"/opt/pingjia/releases/{HERE}/bin/pingjia"
    refused = hall.machine.try_run(f"{old} gateway token list --config /etc/pingjia/gateway.toml")
    assert refused[0] == 1, "the control: the older release reads the newer tables"
    assert "newer" in refused[1]
    said = hall.follow(folder, typed("A newer version, and back", 1))
    assert said.count("restored") == 2, said
    assert hall.status()["version"] == HERE
    hall.more()


def move(hall: Hall, folder: str) -> None:
    """Both machines are lost, one after the other; all that is left is what lies apart."""
    hall.run(f"mkdir -p /mnt/copies && cp -a {VAR}/secure {VAR}/master.secret /mnt/copies/")
    hall.run(f"pingjia central backup {VAR}/copies/l.db && mv {VAR}/copies/l.db /mnt/copies/")
    hall.more()
    lose(hall, "central", "central.db*", "master.secret")
    lines = typed("A dead machine", 2, COPIES)
    kept = {"restore": '"/mnt/copies/l.db"', "master_secret": '"/mnt/copies/master.secret"'}
    hall.follow(folder, lines[:2], kept)
    hall.more()
    lose(hall, "gateway", "gateway", "secure")
    lines = typed("A dead machine", 0, COPIES)
    assert "xj-01" in hall.follow("/", lines)
    kept = {"token_file": f'"{VAR}/xj-01.new"', "secure": '"/mnt/copies/secure"'}
    hall.run(f"mv {VAR}/queue.token /mnt/copies/")
    said = hall.follow(folder, typed("A dead machine", 1, COPIES), ANSWERS | kept)
    assert "FAIL" not in said
    hall.end()  # the queue system gets the new token
    hall.rate()
    hall.more()


def lose(hall: Hall, tier: str, *data: str) -> None:
    """A machine's disk is gone."""
    unit = f"pingjia-{tier}"
    hall.run(f"kill -9 {hall.machine.main_pid(unit)}; systemctl disable {unit}")
    hall.run(f"systemctl stop {unit}; rm -rf /etc/pingjia/{tier}.toml /opt/pingjia/{tier}*")
    hall.run(f"cd {VAR} && rm -rf {' '.join(data)}")


def look_for_secrets(hall: Hall) -> None:
    places = {
        "journal": "journalctl --no-pager -o cat",
        "units": "systemctl cat 'pingjia-*'; systemctl show 'pingjia-*'",
        "processes": "ps -eo args; cat /proc/[0-9]*/environ | tr '\\0' '\\n'",
        "page": "curl -sk https://127.0.0.1:8080/login https://127.0.0.1:8080/healthz;"
        " curl -s http://127.0.0.1:8443/login http://127.0.0.1:8443/healthz",
        "settings": "cat /etc/pingjia/*.toml",
    }
    for place, command in places.items():
        text = hall.run(command)
        assert len(text) > 200, place
        assert not [one for one in hall.secrets() if one in text], f"a secret is in the {place}"


def remove(hall: Hall, folder: str) -> None:
    """What was rated stays unless it is to go."""
    hall.follow("/", typed("Removing it"))
    assert hall.machine.try_run("test -e /opt/pingjia -o -e /usr/local/bin/pingjia")[0] == 1
    assert "pingjia" not in hall.run(
        "systemctl list-units --all --no-legend 'pingjia*'; ls /etc/systemd/system"
    )
    assert (
        hall.machine.try_run(f"test -e {VAR}/central.db -a -e {VAR}/gateway/gateway.sqlite")[0]
        == 0
    )
    hall.run(f"{folder}/install.sh uninstall --purge")
    assert hall.machine.try_run(f"test -e /etc/pingjia -o -e {VAR}")[0] == 1
    assert hall.machine.try_run("id pingjia")[0] != 0
