"""A demo hall: the centre, the gateway and the devices' bundles, made fresh in one folder.

Everything goes through `pingjia`'s own commands, as a province, a hall and a technician would use
them; nothing here knows the inside of a tier.
"""

import asyncio
import shutil
from pathlib import Path

from simulator.devices.folder import check_firmware, flash
from simulator.parts.bad_centre import BadCentre
from simulator.parts.mosquitto import Mosquitto, check_installed
from simulator.parts.part import Part, free_port, kill_child, listening, pingjia
from simulator.web import Centre, QueueSystem, read_token

HALL = "demo"
READER_TOKEN = "reader.token"
QUEUE_TOKEN = "queue.token"
CENTRE_PAGES_TOKEN = "centre-pages.token"
GATEWAY_PAGES_TOKEN = "gateway-pages.token"
CONSOLE_TOKEN = "console.token"
FIGURES_TOKEN = "figures.token"
REHEARSAL_TOKEN = "rehearsal.token"
CENTRE_CONFIG = "central.toml"
GATEWAY_CONFIG = "gateway.toml"
KIOSK, KIOSK_WINDOW, KIOSK_BUNDLE = "demo-kiosk", "k1", "kiosk.json"
ORACLE = "oracle.jsonl"
BROKERS = ("embedded", "mosquitto")
_BROKER_FILES = "broker"


class Hall:
    """One centre and one hall in `folder`, with `windows` windows of one device each.

    `windows` {window id: device id} and `folders` {device id: its folder} stand after `make`.
    timers: settings of the gateway that a test wants shorter. may_misbehave: the gateway reaches
    the centre through `bad_centre`, whose manner a test can change. broker: one of BROKERS.
    ports: of a hall that is made already, see `copy`. is_secure: broker and gateway speak TLS,
    with the hall's own CA, in `ca`. profiles: of a rehearsal, the rules by which its services are
    judged; none: the centre is a real one. api_port: of the gateway, 0 a free one. has_kiosk:
    there is one more window, whose device will be a browser: its bundle is left as KIOSK_BUNDLE.
    """

    def __init__(
        self,
        folder: Path,
        firmware: Path,
        windows: int,
        timers: dict | None = None,
        may_misbehave: bool = False,
        broker: str = "embedded",
        ports: tuple[int, ...] = (),
        is_secure: bool = False,
        profiles: tuple[str, ...] = (),
        api_port: int = 0,
        has_kiosk: bool = False,
    ):
        self.folder = folder
        self.oracle = folder / ORACLE
        self.windows = {f"w{n}": f"demo-{n:04d}" for n in range(1, windows + 1)}
        self.folders = {device: folder / "devices" / device for device in self.windows.values()}
        self._is_made = bool(ports)
        free = (free_port(), api_port or free_port(), free_port(), free_port())
        self._ports = ports or free
        self._centre_port, self._api_port, self._mqtt_port, seen_port = self._ports
        self.bad_centre = BadCentre(seen_port, self._centre_port) if may_misbehave else None
        self.ca = folder / "secure" / "ca.pem" if is_secure else None
        self._firmware = firmware
        self._timers = timers or {}
        self._profiles = profiles
        self.has_kiosk = has_kiosk
        run = "rehearse" if profiles else "run"
        self.centre = Part("centre", folder, "central", run, "--config", CENTRE_CONFIG)
        self.mosquitto = Mosquitto(folder / _BROKER_FILES) if broker == "mosquitto" else None
        self.gateway = Part("gateway", folder, "gateway", "run", "--config", GATEWAY_CONFIG)

    def copy(self, folder: Path, windows: int) -> "Hall":
        """A hall in another folder, as this one was when it was made, with its first windows.

        Both have the same ports: only one of them may run.
        """
        shutil.copytree(self.folder, folder)
        return Hall(
            folder,
            self._firmware,
            windows,
            self._timers,
            self.bad_centre is not None,
            "mosquitto" if self.mosquitto else "embedded",
            self._ports,
            self.ca is not None,
            self._profiles,
        )

    async def make(self):
        """Makes secret, hall, tokens, bundles and devices. Raises PartError, FirmwareError."""
        check_firmware(self._firmware)
        if self.mosquitto:
            check_installed()
        if self._is_made:
            return
        self._write_configs()
        await self._central("init", *(["--rehearsal"] if self._profiles else []))
        if self.ca:
            await self._gateway("secure", "--name", "127.0.0.1")
        await self._central(
            *("hall", "add", HALL, "--name", "演示大厅", "--mqtt-host", "127.0.0.1"),
            *("--mqtt-port", self._mqtt_port, "--token-out", "hall.token"),
            *(("--ca", self.ca) if self.ca else ()),
        )
        await asyncio.gather(
            self._equip(),
            *self._rehearsal_tokens(),
            self._central("token", "add", "--scope", "records:read", "--out", READER_TOKEN),
            self._central("token", "add", "--scope", "pages:read", "--out", CENTRE_PAGES_TOKEN),
            self._gateway(
                *("token", "add", "pages", "--scope", "pages:read", "--out", GATEWAY_PAGES_TOKEN)
            ),
        )
        self._is_made = True

    async def start(self):
        """Starts the centre, the broker if it is not the gateway's own, and the gateway."""
        await self.centre.start()
        if self.bad_centre:
            await self.bad_centre.start()
        await self.make_queue_token()
        if self.mosquitto:
            await self._gateway("broker-files", "--out", _BROKER_FILES)
            await self.mosquitto.start()
        await self.gateway.start()

    async def stop(self):
        """Ends what runs."""
        await asyncio.gather(self.gateway.stop(), self.centre.stop())
        if self.mosquitto:
            await self.mosquitto.stop()
        if self.bad_centre:
            await self.bad_centre.stop()

    def pages(self) -> list[tuple[str, str]]:
        """(what it is, address that opens it) of the pages of a hall that runs."""
        parts = (
            ("大厅 hall", self.gateway, GATEWAY_PAGES_TOKEN),
            ("窗口 console", self.gateway, CONSOLE_TOKEN),
            ("省级 centre", self.centre, CENTRE_PAGES_TOKEN),
        )
        pages = [
            (name, f"{part.url}/login#{read_token(self.folder / token)}")
            for name, part, token in parts
            if (self.folder / token).exists()
        ]
        if self.has_kiosk:
            pages.append((f"终端 kiosk, {KIOSK_BUNDLE}", f"{self.gateway.url}/kiosk"))
        return pages

    async def open_console(self):
        """Makes a token for the console of the first window, which `pages` then names."""
        if self.windows and not (self.folder / CONSOLE_TOKEN).exists():
            options = ("--scope", "console", "--window", next(iter(self.windows)))
            await self.gateway_token(Path(CONSOLE_TOKEN).stem, *options)

    async def kill_broker(self):
        """Ends the broker as `kill -9` does; it keeps nothing on disk."""
        if self.mosquitto:
            await self.mosquitto.kill()
            return
        kill_child(self.gateway.pid, "broker.mjs")

    async def start_broker(self):
        """Returns when the broker is there again; the gateway restarts its embedded one."""
        if self.mosquitto:
            await self.mosquitto.start()
        await listening(self._mqtt_port)

    def queue_system(self) -> QueueSystem:
        """A caller of the gateway's API."""
        return QueueSystem(self.gateway.url, self.queue_token(), self.ca)

    def reader(self) -> Centre:
        """A reader of the centre's records."""
        return self.centre_with(READER_TOKEN)

    def centre_with(self, token: str) -> Centre:
        """A caller of the centre's API, with the token of this file."""
        return Centre(self.centre.url, read_token(self.folder / token))

    def _rehearsal_tokens(self):
        scopes = {"figures:read": FIGURES_TOKEN, "rehearsal:write": REHEARSAL_TOKEN}
        for scope, token in scopes.items() if self._profiles else ():
            yield self._central("token", "add", "--scope", scope, "--out", token)

    async def _equip(self):
        """Every window with a device: enrolled, and flashed."""
        if not self.windows:
            return
        windows, devices = self.folder / "窗口.csv", self.folder / "评价器.csv"
        rows = [f"{HALL},{window},{window[1:]}号窗口" for window in self.windows]
        kiosk = [(KIOSK_WINDOW, KIOSK)] if self.has_kiosk else []
        rows += [f"{HALL},{window},终端窗口" for window, _ in kiosk]
        windows.write_text("\n".join(["大厅,窗口编号,名称", *rows]))
        tables = [windows, devices]
        if self._profiles:  # its queue system says that a service is over, and no more
            halls = self.folder / "大厅.csv"
            row = f"{HALL},演示大厅,{' '.join(self._profiles)},invited expired closed"
            halls.write_text(f"大厅编号,名称,适用规则,报送进度\n{row}")
            tables.append(halls)
        equipped = [*self.windows.items(), *kiosk]
        rows = [f"{HALL},{window},{device}" for window, device in equipped]
        devices.write_text("\n".join(["大厅,窗口编号,评价器编号", *rows]))
        bundles = self.folder / "bundles"
        await self._central("directory", "import", *tables, "--bundles", bundles)
        for device, folder in self.folders.items():
            bundle = bundles / f"{device}.json"
            flash(folder, self._firmware, bundle)
            bundle.unlink()
        for _, device in kiosk:
            (bundles / f"{device}.json").rename(self.folder / KIOSK_BUNDLE)

    async def make_queue_token(self):
        """Makes the queue system's token anew."""
        (self.folder / QUEUE_TOKEN).unlink(missing_ok=True)
        await self._gateway("token", "add", "queue-system", "--out", QUEUE_TOKEN)

    async def gateway_token(self, name: str, *options: str) -> str:
        """A new token of the gateway, also left in the hall's folder as NAME.token."""
        await self._gateway("token", "add", name, "--out", f"{name}.token", *options)
        return read_token(self.folder / f"{name}.token")

    def queue_token(self) -> str:
        """The queue system's token."""
        return read_token(self.folder / QUEUE_TOKEN)

    async def _central(self, *arguments):
        command = ("central", *arguments, "--config", CENTRE_CONFIG)
        return await pingjia(*command, folder=self.folder)

    async def _gateway(self, *arguments):
        command = ("gateway", *arguments, "--config", GATEWAY_CONFIG)
        return await pingjia(*command, folder=self.folder)

    def _write_configs(self):
        seen_port = self.bad_centre.port if self.bad_centre else self._centre_port
        (self.folder / CENTRE_CONFIG).write_text(
            f'listen_port = {self._centre_port}\nenrolment = "direct"\n'
        )
        broker = 'broker = "embedded"\n'
        if self.mosquitto:
            broker = f'broker = "external"\nbroker_files = "{_BROKER_FILES}"\n'
        (self.folder / GATEWAY_CONFIG).write_text(
            f'hall = "{HALL}"\n'
            f'centre_url = "http://127.0.0.1:{seen_port}"\n'
            'centre_token_file = "hall.token"\n'
            f"api_listen_port = {self._api_port}\n"
            f"{broker}"
            + ('secure_dir = "secure"\n' if self.ca else "")
            + 'mqtt_host = "127.0.0.1"\n'
            f"mqtt_port = {self._mqtt_port}\n"
            + "".join(f"{name} = {value}\n" for name, value in self._timers.items())
        )
