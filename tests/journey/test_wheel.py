"""The wheel, installed where there is no checkout: hall IT and province have nothing else."""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from deploy.build_wheel import build
from simulator.devices.usb import UsbDevice

ROOT = Path(__file__).parents[2]
# Only the checkout's libraries, not what it says of itself: a .pth in them is not read again.
LIBRARIES = next(path for path in map(Path, sys.path) if path.name == "site-packages")
ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


class Installed:
    """A virtual environment with the wheel, and an empty folder to work in."""

    def __init__(self, folder: Path, work: Path):
        self.packages = folder / "lib" / LIBRARIES.parent.name / "site-packages"
        self.command = str(folder / "bin" / "pingjia")
        self.work = work

    def started(self, *words: object, **more) -> subprocess.Popen:
        """`pingjia …`, running."""
        return subprocess.Popen(
            [self.command, *map(str, words)],
            cwd=self.work,
            env=ENVIRONMENT | {"HOME": str(self.work)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def run(self, *words: object, timeout_s: float = 120) -> tuple[int, str, str]:
        """Its exit code and both outputs."""
        with self.started(*words, stdin=subprocess.DEVNULL) as process:
            out, err = process.communicate(timeout=timeout_s)
        return process.returncode, out, err


@pytest.fixture(scope="module")
def whole(tmp_path_factory, firmware) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build(folder)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = str(folder / "venv" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    install = ["install", "--quiet", "--no-index", "--no-deps", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    installed = Installed(folder / "venv", folder)
    (installed.packages / "libraries.pth").write_text(f"{LIBRARIES}\n")
    return folder / "venv"


@pytest.fixture
def installed(whole, tmp_path) -> Installed:
    return Installed(whole, tmp_path)


def test_a_demo_runs_from_an_empty_folder_and_has_all_its_pages(installed):
    """Gateway, embedded broker, centre, virtual devices with the built firmware, words, styles."""
    with installed.started("demo", "--windows", 1, "--seconds", 1) as demo:
        assert demo.stdout
        pages = {}
        for line in demo.stdout:
            if found := re.match(r"(大厅|省级) .*(http\S+)/login#", line):
                pages[found[1]] = page_of(found[2])
            if line.startswith("oracle:"):
                break
        assert "lost 0, duplicate 0, altered 0: holds" in line
    assert demo.returncode == 0
    assert pages.keys() == {"大厅", "省级"}
    for page, style in pages.values():
        assert "Sign in" in page or "Log in" in page or "token" in page
        assert "body" in style
    assert list(installed.work.iterdir()) == []


def page_of(address: str) -> tuple[str, str]:
    """The login page in English, and its style."""
    asked = urllib.request.Request(f"{address}/login", headers={"Accept-Language": "en"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        page = answer.read().decode()
    style = re.search(r'href="([^"]+\.css[^"]*)"', page)
    assert style
    with urllib.request.urlopen(f"{address}/{style[1].lstrip('/')}", timeout=10) as answer:
        return page, answer.read().decode()


def test_settings_are_made_where_there_is_no_example_to_copy(installed):
    """Those of the centre: tests/central/test_central_command.py."""
    made = installed.run("gateway", "init", "--hall", "xj-01", "--centre", "https://c.example")
    assert made[0] == 0
    text = (installed.work / "gateway.toml").read_text("utf-8")
    assert 'hall = "xj-01"\n' in text
    assert 'centre_url = "https://c.example"\n' in text
    assert "# keep_days = 30" in text
    code, example, _ = installed.run("central", "settings", "example")
    assert (code, example) == (0, (ROOT / "deploy" / "settings.toml").read_text("utf-8"))


def test_the_control_without_a_part_fails_and_says_what_to_do(installed, tmp_path):
    """Neither is `make` named, which nobody has there."""
    broken = tmp_path / "broken"
    shutil.copytree(installed.packages.parents[2], broken, symlinks=True)
    command = (broken / "bin" / "pingjia").read_text().split("\n", 1)[1]
    (broken / "bin" / "pingjia").write_text(f"#!{broken}/bin/python\n{command}")
    bad = Installed(broken, tmp_path)
    shutil.rmtree(bad.packages / "node_modules" / "aedes")
    bad.run("gateway", "init", "--hall", "demo", "--centre", "http://127.0.0.1:9")
    settings = tmp_path / "gateway.toml"
    text = settings.read_text("utf-8").replace('secure_dir = "', '# secure_dir = "')
    text = re.sub(
        r"mqtt_host = .*\nmqtt_port = .*", 'mqtt_host = "127.0.0.1"\nmqtt_port = 0', text
    )
    settings.write_text(text.replace("api_listen_port = 8080", "api_listen_port = 0"), "utf-8")
    token = tmp_path / "centre-token"
    token.touch(0o600)
    token.write_text("pj_0_0")
    (bad.packages / "shipped" / "firmware" / "manifest.json").unlink()
    for words in (("gateway", "run"), ("demo", "--seconds", 1)):
        code, _, err = bad.run(*words)
        assert code == 1, words
        assert "install the wheel again" in err
        assert "make " not in err


@pytest.mark.long
def test_the_control_a_wheel_without_a_part_is_not_built(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in ("build", "shipped", "pyproject.toml"):
            (root / entry.name).symlink_to(entry)
    shutil.copytree(ROOT / "shipped", root / "shipped", symlinks=True)  # its firmware is nowhere
    settings = (ROOT / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(settings.replace('"templates/*.html", ', ""))
    with pytest.raises(SystemExit) as caught:
        build(tmp_path / "out", root)
    for lacking in ("shipped/firmware/manifest.json", "pages/templates/login.html"):
        assert lacking in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_board_gets_the_firmware_that_came_with_it(installed, firmware):
    device = UsbDevice(installed.work / "xj-0417")
    try:
        code, _, err = installed.run("workbench", "flash", "--port", device.plug())
    finally:
        device.pull()
    assert code == 0, err
    manifest = (installed.work / "xj-0417" / "flash" / "manifest.json").read_text()
    assert json.loads(manifest) == json.loads((firmware / "manifest.json").read_text())
    assert not list((installed.work / "xj-0417" / "flash").rglob("__pycache__"))


@pytest.mark.long
@pytest.mark.needs("mosquitto")
def test_a_demo_runs_with_mosquitto_and_tls(installed):
    words = ("--windows", 1, "--seconds", 2, "--broker", "mosquitto", "--tls", "--json")
    code, out, err = installed.run("demo", *words)
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["lost"] == 0
