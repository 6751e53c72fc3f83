"""A bundle before it is installed: whose it is, whether it is whole, what it takes and asks."""

import io
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy.build_bundle import ARCHITECTURES, LOCK, PARTS, _builders, _sign, licences
from deploy.installer.answers import CENTRE, HALL, Answers
from deploy.installer.machine import InstallError

ROOT = Path(__file__).parents[2]
VERIFY = ("openssl", "dgst", "-sha256", "-verify")
SIGNED = ("-signature", "SHA256SUMS.sig", "SHA256SUMS")


@pytest.fixture
def bundle(tmp_path) -> Path:
    """As it is unpacked, but with a wheel that is none; signed by tmp_path/builder.key."""
    folder = tmp_path / "bundle"
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels" / "one.whl").write_bytes(b"one")
    (folder / "VERSION").write_text("9.9.9 x86_64 3.11 3.13\n")
    for part in PARTS:
        shutil.copy(ROOT / "deploy" / part, folder / part)
    shutil.copytree(ROOT / "deploy" / "installer", folder / "installer")
    _sign(folder, tmp_path / "builder.key")
    return folder


def installed(bundle: Path, *words: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["sh", bundle / "install.sh", *words], capture_output=True, text=True, **more
    )


def test_the_builder_is_known_by_the_key_and_no_other(bundle, tmp_path):
    assert (tmp_path / "builder.key").stat().st_mode & 0o777 == 0o600
    good = subprocess.run([*VERIFY, tmp_path / "builder.pub", *SIGNED], cwd=bundle)
    assert good.returncode == 0
    _builders(tmp_path / "other.key")
    bad = subprocess.run([*VERIFY, tmp_path / "other.pub", *SIGNED], cwd=bundle)
    assert bad.returncode != 0, "the control: another's key is as good"


def test_a_damaged_bundle_is_not_installed_and_changed_answers_are_no_damage(bundle):
    with (bundle / "answers-hall.toml").open("a") as file:
        file.write("# ours\n")
    whole = installed(bundle, "--help")
    assert whole.returncode == 0, whole.stderr
    assert "rollback" in whole.stdout
    (bundle / "wheels" / "one.whl").write_bytes(b"two")
    damaged = installed(bundle, "--help")
    assert damaged.returncode == 1
    assert "wheels/one.whl: FAILED" in damaged.stderr
    assert "damaged" in damaged.stderr


def test_without_a_python_it_says_which_it_needs(bundle, tmp_path):
    shutil.rmtree(bundle / "wheels")
    (bundle / "VERSION").write_text("9.9.9 x86_64 3.77\n")
    refused = installed(bundle, "hall", env={"PATH": os.environ["PATH"]})
    assert refused.returncode == 1
    assert "3.77" in refused.stderr
    assert "PINGJIA_PYTHON" in refused.stderr


def test_the_lock_has_hashes_of_both_architectures_for_everything():
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    named = {line.split("==")[0]: line.count("--hash=sha256:") for line in lines}
    assert min(named.values()) >= 1
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {re.split(r"[\[~=<>;! ]", one)[0] for one in project["dependencies"]}
    known = {name.replace("_", "-") for name in named}
    assert wanted - known == set(), "they were added since: make lock"
    assert named["cryptography"] >= len(ARCHITECTURES)
    assert named["msgspec"] == 2 * len(ARCHITECTURES), "of each Python one"
    pinned = (ROOT / "constraints.txt").read_text().lower().replace("_", "-").splitlines()
    for line in lines:
        name = line.split(" ")[0].replace("_", "-")
        assert name in pinned or name.startswith("pip=="), f"{name}: make lock"


def test_what_names_no_licence_is_not_shipped(tmp_path):
    def wheel(name: str, metadata: str) -> None:
        with ZipFile(tmp_path / f"{name}-1-py3-none-any.whl", "w") as archive:
            archive.writestr(
                f"{name}-1.dist-info/METADATA", f"Name: {name}\nVersion: 1\n{metadata}"
            )

    wheel("a", "License-Expression: MIT\n")
    wheel("b", "Classifier: License :: OSI Approved :: BSD License\n")
    assert licences(tmp_path).splitlines()[2:] == ["a 1: MIT", "b 1: BSD License"]
    wheel("c", "")
    with pytest.raises(SystemExit, match="named by c"):
        licences(tmp_path)


def test_the_examples_answer_every_question_but_who_has_none(tmp_path):
    for name, questions in (("hall", HALL), ("centre", CENTRE)):
        answers = Answers(questions, ROOT / "deploy" / f"answers-{name}.toml")
        assert [key for key in questions if answers.get(key) is None] == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('hal = "x"', "nothing is named hal. Did you mean hall?"),
        ('hall = "大厅"', "hall: '大厅' is no answer"),
        ("mqtt_port = 0", "mqtt_port: '0' is no answer"),
        ('foreign_mosquitto = "perhaps"', "'perhaps' is no answer"),
        ("hall = ", "is not TOML"),
        ("", "hall is not answered"),
    ],
)
def test_a_wrong_answer_is_named(tmp_path, monkeypatch, line, told):
    file = tmp_path / "answers.toml"
    file.write_text(f"{line}\n", "utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(InstallError) as caught:
        Answers(HALL, file).get("hall")
    assert told in str(caught.value)
