"""The two that can be installed: a hall's gateway and a centre."""

import json
import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from .answers import Answers
from .machine import (
    COMMAND,
    COPIES,
    ETC,
    USER,
    VAR,
    InstallError,
    folder,
    install_units,
    is_enabled_or_active,
    run,
    say,
    start,
    systemctl,
    take,
)
from .release import current, use

FOREIGN = "mosquitto.service"
BROKER = "pingjia-broker.service"


@dataclass(frozen=True)
class Tier:
    """word: as who installs calls it. name: of its command, its link and its settings. data: what
    is moved away before a copy is restored, in VAR. database: its SQLite file.
    """

    word: str
    name: str
    units: tuple[str, ...]
    data: tuple[str, ...]
    database: Path

    @property
    def unit(self) -> str:
        """The unit that is started."""
        return self.units[0]

    @property
    def settings(self) -> Path:
        """Its settings file."""
        return ETC / f"{self.name}.toml"

    def command(self, release: Path, *words: object) -> str:
        """What `pingjia NAME …` of a release prints. Raises InstallError."""
        program = release / "bin" / "pingjia"
        return run(program, self.name, *words, "--config", self.settings, as_user=True)


CENTRE = Tier(
    "centre",
    "central",
    ("pingjia-central.service", "pingjia-central@.service", "pingjia-central-pages.service"),
    ("central.db", "central.db-wal", "central.db-shm"),
    VAR / "central.db",
)
HALL = Tier(
    "hall",
    "gateway",
    ("pingjia-gateway.service", BROKER),
    ("gateway",),
    VAR / "gateway" / "gateway.sqlite",
)
TIERS = {tier.word: tier for tier in (CENTRE, HALL)}  # a centre is upgraded before its halls


def install_hall(release: Path, answers: Answers) -> None:
    """Settings, token, certificate, units; it runs then. Raises InstallError."""
    _require_new(HALL)
    names = [name.strip() for name in answers.get("address").split(",")]
    token, ca = answers.file("token_file"), answers.file("centre_ca")
    secure = answers.file("secure")
    port, is_embedded = int(answers.get("mqtt_port")), answers.get("broker") == "embedded"
    if not is_embedded and not Path("/usr/sbin/mosquitto").exists():
        raise InstallError("broker: /usr/sbin/mosquitto is not here: install it, or embedded")
    _settle_foreign_broker(answers, port)
    _require_free(port, "mqtt_port")
    _require_free(int(answers.get("api_port")), "api_port")
    _lay(HALL, release)
    if not HALL.settings.exists():
        program = release / "bin" / "pingjia"
        made = VAR / HALL.settings.name
        made.unlink(missing_ok=True)
        words = ("--hall", answers.get("hall"), "--centre", answers.get("centre"))
        run(program, "gateway", "init", *words, "--config", made, as_user=True)
        values: dict[str, object] = {
            "data_dir": f"{VAR}/gateway",
            "secure_dir": f"{VAR}/secure",
            "centre_token_file": f"{ETC}/centre-token",
            "api_listen_host": "0.0.0.0",
            "api_listen_port": int(answers.get("api_port")),
            "mqtt_port": port,
        }
        if answers.get("carried") == "true":
            values["carried"] = True
        if ca is not None:
            values["centre_ca"] = f"{ETC}/centre-ca.pem"
        if not is_embedded:
            values |= {
                "broker": "external",
                "broker_files": f"{VAR}/broker",
                "mqtt_host": names[0],
            }
        _settle_settings(HALL, made, values)
    if token is not None:
        take(token, ETC / "centre-token")
    if ca is not None:
        take(ca, ETC / "centre-ca.pem")
    if secure is not None:
        folder(VAR / "secure", 0o700, USER)
        for one in secure.iterdir():
            take(one, VAR / "secure" / one.name)
    HALL.command(release, "secure", *(word for name in names for word in ("--name", name)))
    use(HALL.name, release)
    if not is_embedded:
        HALL.command(release, "broker-files", "--out", VAR / "broker")
        start(BROKER)
    start(HALL.unit)
    say(f"大厅网关已运行 The hall's gateway runs: https://{names[0]}:{answers.get('api_port')}")
    say("接下来 Next:")
    say(f"  give {VAR}/secure/ca.pem to the centre: pingjia central hall set "
        f"{answers.get('hall')} --ca ca.pem")  # fmt: skip
    say(f"  a token for the queue system: pingjia gateway token add queue --out {VAR}/queue.token")
    say("  how it is: pingjia gateway doctor")


def install_centre(release: Path, answers: Answers) -> None:
    """Settings, secret, database, the first hall, units; it runs then. Raises InstallError."""
    _require_new(CENTRE)
    certificate, key = answers.file("tls_certificate"), answers.file("tls_key")
    if (certificate is None) != (key is None):
        raise InstallError("tls_certificate and tls_key belong together")
    _require_free(int(answers.get("listen_port")), "listen_port")
    secret, copy = answers.file("master_secret"), answers.file("restore")
    if (secret is None) != (copy is None):
        raise InstallError("master_secret and restore belong together: the copy verifies nothing "
                           "without its secret")  # fmt: skip
    hall = answers.get("first_hall") if copy is None else ""
    first = (
        [answers.get(f"first_hall_{one}") for one in ("name", "address", "mqtt_port")]
        if hall
        else []
    )
    _lay(CENTRE, release)
    for source, name in ((certificate, "centre.crt"), (key, "centre.key")):
        if source is not None:
            take(source, ETC / name)
    if not CENTRE.settings.exists():
        made = VAR / CENTRE.settings.name
        made.unlink(missing_ok=True)
        example = run(release / "bin" / "python", "-c", "import shipped, sys; "
                      "sys.stdout.reconfigure(encoding='utf-8'); "
                      "sys.stdout.write(shipped.example('central.toml'))")  # fmt: skip
        made.write_text(example, "utf-8")
        values: dict[str, object] = {
            "listen_host": answers.get("listen_host"),
            "listen_port": int(answers.get("listen_port")),
            "behind_proxy": answers.get("behind_proxy") == "true",
            "database_url": answers.get("database_url"),
            "master_secret_file": f"{VAR}/master.secret",
            "personal_key_file": f"{VAR}/personal.key",
        }
        if certificate is not None:
            values |= {"tls_certificate": f"{ETC}/centre.crt", "tls_key": f"{ETC}/centre.key"}
        _settle_settings(CENTRE, made, values)
    if secret is not None and copy is not None:
        take(secret, VAR / "master.secret")
        if (personal := answers.file("personal_key")) is not None:
            take(personal, VAR / "personal.key")
            if (erased := personal.with_name(f"{personal.name}.erased")).exists():
                take(erased, VAR / "personal.key.erased")
        take(copy, COPIES / copy.name)
        say(CENTRE.command(release, "restore", COPIES / copy.name).strip())
    say(CENTRE.command(release, "init").strip())
    token = VAR / f"{hall}.token"
    if hall and not token.exists():  # else an earlier attempt has added it
        CENTRE.command(release, "hall", "add", hall, "--name", first[0], "--mqtt-host", first[1],
                       "--mqtt-port", first[2], "--token-out", token)  # fmt: skip
        say(f"{token} is the token of hall {hall}: carry it to its gateway, and delete it here")
    use(CENTRE.name, release)
    start(CENTRE.unit)
    say("省级归集系统已运行 The centre runs. 接下来 Next:")
    say(
        f"  keep copies of {VAR}/master.secret and {VAR}/personal.key apart, offline "
        "(docs/copies.md)"
    )
    say("  how it is: pingjia central doctor")


def _require_new(tier: Tier) -> None:
    if current(tier.name) is not None:
        raise InstallError(f"a {tier.word} is installed already: ./install.sh upgrade")


def _lay(tier: Tier, release: Path) -> None:
    COMMAND.parent.mkdir(parents=True, exist_ok=True)
    COMMAND.write_bytes((release / "bundle" / "pingjia").read_bytes())
    COMMAND.chmod(0o755)
    install_units(release, tier.units)


def _settle_settings(tier: Tier, made: Path, values: dict[str, object]) -> None:
    """Write them into /etc, with the values set. The services read them, and change nothing."""
    text = made.read_text("utf-8")
    for key, value in values.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        text, count = re.subn(
            rf"^(# )?{key} = .*$", lambda _, to=line: to, text, count=1, flags=re.M
        )
        if count == 0:
            raise InstallError(f"the example of settings has no {key}")
    made.unlink()
    tier.settings.write_text(text, "utf-8")
    shutil.chown(tier.settings, "root", USER)
    tier.settings.chmod(0o640)


def _settle_foreign_broker(answers: Answers, port: int) -> None:
    """Debian's mosquitto runs as soon as it is installed, with nobody's rules, on 1883."""
    if not is_enabled_or_active(FOREIGN):
        return
    if answers.get("foreign_mosquitto") == "disable":
        systemctl("disable", "--now", FOREIGN)
        say(f"{FOREIGN} is ended and disabled")
    elif _is_taken(port):
        raise InstallError(f"mqtt_port: {port} belongs to {FOREIGN}, which is kept: name another")


def _require_free(port: int, key: str) -> None:
    if _is_taken(port):
        raise InstallError(
            f"{key}: something listens on {port} already (ss -ltnp): end it, or name another port"
        )


def _is_taken(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("0.0.0.0", port))
        except OSError:
            return True
    return False
