"""A disk that is full, and one that fails now and then. FAULTS 8 and 10. ACK-1

The gateway is a process of its own; its data folder is a small tmpfs that only it and we see, or
strace makes single system calls fail.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gateway_hall import EPOCH, Client, Pen, broker_files_in, health_of, until

RUN = ["gateway", "run", "--config"]
DISK_MB = 24
# Without a reserve: what is safe cannot be acknowledged when the disk is full.
WITHOUT_RESERVE = (
    "import shutil; from gateway.keep.reserve import Reserve; "
    "Reserve.hold = lambda self: shutil.disk_usage(self._path.parent).free > self.size; "
    "from pingjia import app; app()"
)
# It acknowledges before it commits, and lets fall what could not be committed.
CARELESS = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import killed_gateway
from gateway.hall.custody import Custody
killed_gateway.weaken()
hasty = Custody._keep
def keep(self):
    try:
        hasty(self)
    except Exception:
        self._messages = []
Custody._keep = keep
from pingjia import app
app()
"""


class Process:
    """`pingjia gateway run` behind another command."""

    def __init__(self, folder: Path, observer: list[str], program: list[str] | None = None):
        config = str(folder / "gateway.toml")
        command = [*observer, *(program or [sys.executable, "-m", "pingjia"]), *RUN]
        with (folder / "gateway.log").open("ab") as log:
            self.child = subprocess.Popen(
                [*command, config], stdout=subprocess.PIPE, stderr=log, text=True
            )

    def wait_ready(self) -> None:
        assert self.child.stdout is not None
        self.child.stdout.readline()
        self.url = self.child.stdout.readline().split()[1]

    def alarms(self) -> dict:
        return health_of(self.url)[1]["alarms"]

    def end(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()


@pytest.fixture
def on_small_disk(tmp_path, centre, mosquitto):
    """Starts a gateway whose data folder is a disk of 24 MB; gives it and a file to fill it by."""
    settings = broker_files_in(tmp_path, centre.url, reserve_mb=8)
    mount = f"mount -t tmpfs -o size={DISK_MB}m tmpfs '{settings.data_dir}'"
    running = []

    def start(program=None) -> tuple[Process, Path, int]:
        # The broker knows the password that was made on the disk below.
        password = (settings.data_dir / "mqtt-password").read_text()
        script = (
            f"{mount} && umask 077 && printf %s '{password.strip()}' > "
            f"'{settings.data_dir}/mqtt-password' && exec \"$@\""
        )
        observer = ["unshare", "-rm", "sh", "-c", script, "sh"]
        process = Process(tmp_path, observer, program)
        running.append(process)
        process.wait_ready()
        ballast = Path(f"/proc/{process.child.pid}/root{settings.data_dir}/ballast")
        return process, ballast, settings.mqtt_port

    with mosquitto(settings.broker_files):
        yield start
        for process in running:
            process.end()


def fill(ballast: Path) -> None:
    """Use every byte that is left."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
                    if size == 1:
                        break
            except OSError:
                continue


def full_disk(start, centre, program=None) -> tuple[int, int, list[int], str]:
    """(safe before, receipt while it was full, what arrived in the end, the alarm)."""
    process, ballast, port = start(program)
    pen = Pen("dev-1")
    device = Client(port, "dev-1").enter()
    try:
        device.tell(pen.state())
        device.hear_hall(0)
        centre.script.extend([503] * 100_000)
        for _ in range(100):
            device.send(pen.rating())
        device.hear_hall(100)
        fill(ballast)
        kept = [pen.rating(service="S" * 60) for _ in range(3000)]
        for envelope in kept:
            device.send(envelope)
        alarm = until(lambda: process.alarms().get("disk"), "the alarm", 60)
        centre.script.clear()
        receipt = 0
        try:
            ack = device.hear(
                "ack", lambda ack: ack["receipt"] and '"seq":100' in ack["receipt"], 8
            )
            receipt = json.loads(ack["receipt"].split("\n")[0])["seq"]
        except AssertionError:
            pass
        assert process.child.poll() is None, "it must never end"
        ballast.unlink()
        until(lambda: "disk" not in process.alarms(), "the end of the alarm", 60)
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s and len(centre.seqs("dev-1")) < 3100:
            device.tell(pen.state())  # a device offers what `hall` has not reached
            for envelope in kept:
                device.send(envelope)
            time.sleep(2)
        return 100, receipt, centre.seqs("dev-1"), alarm
    finally:
        device.leave()


@pytest.mark.needs("mosquitto", "unshare")
def test_a_full_disk_pauses_intake_and_nothing_else_and_nothing_is_lost(on_small_disk, centre):
    """FAULTS 8: it never ends, alarms, and goes on by itself when there is room."""
    safe, receipt, arrived, alarm = full_disk(on_small_disk, centre)
    assert receipt >= safe, "verdicts and acknowledgements need the reserve"
    assert arrived == list(range(1, 3101))
    assert "goes on by itself" in alarm


@pytest.mark.needs("mosquitto", "unshare")
def test_without_a_reserve_nothing_is_acknowledged_on_a_full_disk(on_small_disk, centre):
    """The control."""
    _, receipt, _, _ = full_disk(on_small_disk, centre, [sys.executable, "-c", WITHOUT_RESERVE])
    assert receipt == 0


def inject(
    tmp_path, centre, mosquitto, call: str, number: int | str, program=None, patience_s: float = 20
) -> tuple[int, bool]:
    """(ratings lost, whether the call failed) when the call with this number fails once.

    The device offers what `hall` has not reached, and forgets the rest.
    """
    settings = broker_files_in(tmp_path, centre.url)
    trace = tmp_path / "trace"
    errno = "EPIPE" if call == "sendto" else "EIO"
    observer = ["strace", "-f", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={call}"]
    observer += ["-e", f"inject={call}:error={errno}:when={number}"]
    with mosquitto(settings.broker_files):
        process = Process(tmp_path, observer, program)
        pen = Pen("dev-1")
        try:
            process.wait_ready()
            until(lambda: centre.hall_requests, "the hall document", 60)
            device, made, hall = Client(settings.mqtt_port, "dev-1").enter(), {}, 0
            device.tell(pen.state())
            for _ in range(20):
                envelope = pen.rating()
                made[pen.seq] = envelope
                device.send(envelope)
                hall = _heard_hall(device, hall)
            end_s = time.monotonic() + patience_s
            while time.monotonic() < end_s and centre.held.get(("dev-1", EPOCH)) != made:
                device.tell(pen.state())
                hall = _heard_hall(device, hall, 0.5)
                for seq, envelope in made.items():
                    if seq > hall:
                        device.send(envelope)
            device.leave()
        finally:
            os.kill(_tracee(process.child.pid), signal.SIGTERM)
            process.child.wait(20)
            process.child.stdout.close()
    held = centre.held.get(("dev-1", EPOCH), {})
    lost = sum(held.get(seq) != envelope for seq, envelope in made.items())
    return lost, "(INJECTED)" in trace.read_text(errors="replace")


def _heard_hall(device, known: int, seconds: float = 0.02) -> int:
    try:
        return max(known, device.hear("ack", timeout_s=seconds)["hall"])
    except AssertionError:
        return known


def _tracee(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


@pytest.mark.needs("mosquitto", "strace")
@pytest.mark.parametrize(
    ("call", "number"),
    [("fdatasync", 1), ("fdatasync", "3..8"), ("pwrite64", 9), ("pwrite64", 40), ("sendto", 12)],
)
def test_a_call_that_fails_once_loses_nothing(tmp_path, centre, mosquitto, call, number):
    """FAULTS 10, some of them."""
    assert inject(tmp_path, centre, mosquitto, call, number) == (0, True)


@pytest.mark.needs("mosquitto", "strace")
def test_a_gateway_that_passes_over_a_failed_commit_loses(tmp_path, centre, mosquitto):
    """The control."""
    program = [sys.executable, "-c", CARELESS]
    lost, is_failed = inject(tmp_path, centre, mosquitto, "fdatasync", "3..8", program, 4)
    assert is_failed
    assert lost > 0


@pytest.mark.long
@pytest.mark.needs("mosquitto", "strace")
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64", "sendto"])
def test_whatever_call_fails_once_nothing_is_lost(tmp_path, centre, mosquitto, call):
    """FAULTS 10: the first, the second, the third … until there is none left to fail."""
    number, is_failed = 0, True
    while is_failed:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        centre.held.clear()
        centre.hall_requests.clear()
        lost, is_failed = inject(folder, centre, mosquitto, call, number)
        assert lost == 0, f"{call} number {number}"
    assert number > 5
