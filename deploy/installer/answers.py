"""What the installer must know: from a file of answers, or asked for."""

import difflib
import re
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

from .machine import InstallError


class Question(NamedTuple):
    """default: None if there must be an answer. pattern: of a good one."""

    text: str
    default: str | None = None
    pattern: str = r".*"


_PORT = r"[1-9][0-9]{0,4}"
_HALL = r"[a-z0-9-]{1,32}"
HALL = {
    "hall": Question("大厅编号 The hall's id, as the centre knows it", None, _HALL),
    "centre": Question("省级归集系统地址 The centre's address, https://…", None, r"https?://\S+"),
    "token_file": Question("令牌文件 The file with the hall's token from the centre", None, r".+"),
    "centre_ca": Question(
        "私有根证书文件（可空） The centre's private CA, a file, or nothing", ""
    ),
    "address": Question(
        "本机地址 Where devices and queue systems reach this machine",
        None,
        r"[\w.:-]+( *, *[\w.:-]+)*",
    ),
    "broker": Question(
        "消息代理 The broker: embedded or mosquitto", "embedded", "embedded|mosquitto"
    ),
    "mqtt_port": Question("评价器端口 The port for devices", "1883", _PORT),
    "carried": Question("大厅没有网络 The hall has no network", "false", "true|false"),
    "api_port": Question("叫号系统和页面端口 The port for queue systems and pages", "8080", _PORT),
    "foreign_mosquitto": Question(
        "本机原有 mosquitto 服务：停用还是保留 This machine has a mosquitto service of its own: "
        "disable it for good, or keep it (on another port)",
        None,
        "disable|keep",
    ),
}
HALL["secure"] = Question(
    "旧机器的 secure 文件夹（可空） The folder `secure` of a machine that is replaced",
    "",
)
CENTRE = {
    "listen_host": Question("监听地址 Where it listens", "127.0.0.1", r"[\w.:-]+"),
    "listen_port": Question("端口 The port", "8443", _PORT),
    "tls_certificate": Question("证书文件（可空） Its certificate, a PEM file, or nothing", ""),
    "tls_key": Question("私钥文件 The certificate's key, a PEM file", "", r".*"),
    "behind_proxy": Question("前置代理已有证书 A proxy in front has TLS", "false", "true|false"),
    "database_url": Question(
        "数据库 The database", "sqlite:////var/lib/pingjia/central.db", r"(sqlite|postgresql).*"
    ),
    "first_hall": Question(
        "第一个大厅编号（可空） The first hall's id, or nothing", "", f"({_HALL})?"
    ),
    "first_hall_name": Question("大厅名称 Its name", None, r".+"),
    "first_hall_address": Question(
        "大厅网关地址 Where its devices reach the broker", None, r"[\w.:-]+"
    ),
    "first_hall_mqtt_port": Question("端口 The broker's port", "1883", _PORT),
    "master_secret": Question(
        "旧机器的主密钥文件（可空） Of a centre that is moved: its master secret, or nothing", ""
    ),
    "personal_key": Question(
        "旧机器的个人信息密钥文件（可空） Its key of personal data, with personal.key.erased "
        "beside it, or nothing",
        "",
    ),
    "restore": Question("旧机器的备份文件（可空） Its newest copy, a file, or nothing", ""),
}


class Answers:
    """Answers to `questions`, of a file (None: nothing is answered yet). Raises InstallError for a
    file that cannot be read, an unknown key, an answer that is none.
    """

    def __init__(self, questions: dict[str, Question], file: Path | None) -> None:
        self._questions = questions
        self._folder = file.resolve().parent if file else Path.cwd()
        self._given: dict[str, str] = {}
        if file is not None:
            for key, value in _read(file).items():
                self._given[key] = self._checked(key, value, f"{file}: ")

    def get(self, key: str) -> str:
        """The answer; asked for at a terminal, its default elsewhere. Raises InstallError."""
        if key not in self._given:
            self._given[key] = self._ask(key)
        return self._given[key]

    def file(self, key: str) -> Path | None:
        """The file that is named, relative to the answers'; None if none is."""
        answer = self.get(key)
        return self._folder / answer if answer else None

    def _ask(self, key: str) -> str:
        text, default, _ = self._questions[key]
        if not sys.stdin.isatty():
            if default is None:
                raise InstallError(f"{key} is not answered: {text}. Name it in the answers' file")
            return default
        shown = f" [{default}]" if default else ""
        while True:
            said = input(f"{text}{shown}: ").strip() or (default or "")
            try:
                return self._checked(key, said, "")
            except InstallError as error:
                print(error)

    def _checked(self, key: str, value: object, where: str) -> str:
        if key not in self._questions:
            near = difflib.get_close_matches(key, self._questions, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise InstallError(f"{where}nothing is named {key}.{meant}")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        question = self._questions[key]
        if not text.isprintable() or not re.fullmatch(question.pattern, text):
            raise InstallError(f"{where}{key}: {text!r} is no answer: {question.text}")
        return text


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InstallError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise InstallError(f"{file} is not TOML: {error}") from None
