"""A machine that systemd has booted, without network: this one's own root, written to in memory.

Not a container's manager: `unshare` and an overlay, which a root in a container has where booting
one is refused. The checkout, the home and all services of this machine are not there; a mosquitto
of Debian's is.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

_BOOT = """
set -e
base=$1 root=$1/root share=$2
mount --make-rprivate /
mkdir -p $base/writable
mount -t tmpfs -o size=4g tmpfs $base/writable
mkdir -p $base/writable/upper $base/writable/work $root
mount -t overlay overlay \
  -o lowerdir=/,upperdir=$base/writable/upper,workdir=$base/writable/work $root
cd $root
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.service etc/pingjia var/lib/pingjia
rm -rf opt/pingjia var/log/journal usr/local/bin/pingjia
mkdir -p mnt/bundle .old
mount --bind $share mnt/bundle
for hidden in root home work srv; do
  if [ -d $hidden ]; then mount -t tmpfs -o mode=700 tmpfs $hidden; fi
done
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
mkdir sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd,xattr cgroup sys/fs/cgroup/systemd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for one in null zero full random urandom tty; do
  touch dev/$one
  mount --bind .old/dev/$one dev/$one 2>/dev/null || mount --bind /dev/$one dev/$one
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
echo > etc/machine-id
hostname pingjia-test
pivot_root . .old
umount -l /.old
exec env -i container=pingjia PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=false
"""
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--fork")
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class BootError(Exception):
    """It does not boot; in words why."""


class Machine:
    """Boots in `folder`, an empty one; /mnt/bundle there is the folder `share` here. `close` ends
    it with all that runs in it. Raises BootError.
    """

    def __init__(self, folder: Path, share: Path) -> None:
        self.root = folder / "root"
        script = folder / "boot.sh"
        script.write_text(_BOOT)
        self._log = folder / "boot.log"
        with self._log.open("wb") as log:
            self._boot = subprocess.Popen(
                [*_UNSHARE, "bash", script, folder, share],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid: str | None = None
        try:
            self._wait()
        except BootError:
            self.close()
            raise

    def _wait(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until and self._boot.poll() is None:
            children = Path(f"/proc/{self._boot.pid}/task/{self._boot.pid}/children")
            self._pid = next(iter(children.read_text().split()), None)
            if self._pid and self.try_run("systemctl is-system-running")[1].strip() in (
                "running",
                "degraded",
            ):
                return
            time.sleep(0.1)
        raise BootError(f"systemd does not boot here: {self._log.read_text()[-500:]}")

    def try_run(self, command: str, timeout_s: float = 120) -> tuple[int, str]:
        """Exit code and outputs of a shell's line, as root."""
        done = subprocess.run(
            [
                "nsenter",
                "--target",
                str(self._pid),
                "--all",
                "--root",
                "--wd",
                "sh",
                "-c",
                command,
            ],
            env=_ENVIRONMENT | {"LANG": "C.UTF-8", "HOME": "/root"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
        return done.returncode, done.stdout

    def run(self, command: str, timeout_s: float = 120) -> str:
        """What a shell's line printed; it has to end well."""
        code, out = self.try_run(command, timeout_s)
        assert code == 0, f"{command}: {code}\n{out}"
        return out

    def started(self, command: str) -> subprocess.Popen:
        """A shell's line, running."""
        return subprocess.Popen(
            [
                "nsenter",
                "--target",
                str(self._pid),
                "--all",
                "--root",
                "--wd",
                "sh",
                "-c",
                command,
            ],
            env=_ENVIRONMENT | {"LANG": "C.UTF-8", "HOME": "/root"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def main_pid(self, unit: str) -> int:
        """Of a service, as the machine numbers it; 0 if it does not run."""
        return int(self.run(f"systemctl show --value -p MainPID {unit}"))

    def close(self) -> None:
        """End it: whoever is first in its processes takes the others along."""
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(self._pid), signal.SIGKILL)
        self._boot.kill()
        self._boot.wait()


def why_not() -> str | None:
    """What is missing here to boot a machine, None if nothing is."""
    if os.geteuid() != 0:
        return "root"
    for program in ("unshare", "nsenter", "pivot_root", "systemctl"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return program
    tried = subprocess.run(
        [*_UNSHARE, "sh", "-c", "mount --make-rprivate / && mount -t tmpfs tmpfs /mnt"],
        capture_output=True,
        text=True,
    )
    return tried.stderr.strip() or "namespaces" if tried.returncode else None
