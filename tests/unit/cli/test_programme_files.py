"""Keys and programmes from files: what is malformed is named, and nothing is left."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(town: Any, tmp_path: Path) -> Path:
    path = tmp_path / "programme.toml"
    path.write_text(town.toml())
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "Test"', "title = ", "not TOML"),
        ('title = "Test"\n', "", "lacks 'title'"),
        ('title = "Test"', "title = 5", "title is not a text"),
        ('title = "Test"', 'title = "Test"\ncolour = "red"', "foreign field 'colour'"),
        ("retention_days = 30", 'retention_days = "30"', "not a whole number"),
        ("retention_days = 30", "retention_days = 0", "at least 1"),
        ('id = "train-agents"', 'id = "discipline"', "is forbidden"),
        ('level = "clear"', 'level = "all"', "is none of"),
        ('date = "2026-11-02"', 'date = "yesterday"', "must be a date"),
        ('roles = ["auditor"]', 'roles = ["king"]', "is none of"),
        ('name = "omar"', 'name = "rita"', "one name"),
        ('app = "chromium*"', 'app = "chromium*"\nurl = "https://"', "url"),
    ],
)  # fmt: skip
def test_a_malformed_programme_is_named_and_nothing_is_made(
    town: Any, file: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    told = town.json(*town.create(file, tmp_path / "out"), code=2)
    assert said in told["error"]
    assert str(file) in told["error"]
    assert "Mend" in told["remedy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["programme.toml"]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 5000, b""])
def test_what_is_no_text_is_refused(
    town: Any, file: Path, tmp_path: Path, data: bytes
) -> None:
    file.write_bytes(data)
    town.json(*town.create(file, tmp_path / "out"), code=2)
    assert not (tmp_path / "out").exists()


def test_malformed_services_are_refused(town: Any, file: Path, tmp_path: Path) -> None:
    services = tmp_path / "services.json"
    command = town.create(file, tmp_path / "out")
    command[command.index("--services") + 1] = services
    town.json(*command, code=2)
    for text, code in (("{", 8), ("[]", 8), ("{}", 2), ('{"log": 5}', 2)):
        services.write_text(text)
        town.json(*command, code=code)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("holder", ["", ".", "..", "a/b", "../x", "a\nb"])
def test_holders_names_lead_nowhere_else(
    town: Any, file: Path, tmp_path: Path, holder: str
) -> None:
    command = [*town.create(file, tmp_path / "out"), "--holder", holder]
    assert "no name" in town.json(*command, code=2)["error"]
    assert not (tmp_path / "out").exists()


def test_too_few_holders_are_refused(town: Any, file: Path, tmp_path: Path) -> None:
    command = town.create(file, tmp_path / "out")
    told = town.json(*command[:-2], "--holder", "stella", code=2)
    assert told["error"] == "2 holders must sign; 1 are named."


def test_a_ceremony_is_whole_or_not_at_all(
    town: Any, file: Path, tmp_path: Path
) -> None:
    short = tmp_path / "short"
    short.write_text("short\n")
    short.chmod(0o600)
    command = town.create(file, tmp_path / "out")
    town.json(*command, code=2, OVERT_PASSPHRASE_FILE=str(short))
    assert not (tmp_path / "out").exists()
    made = town.json(*command)
    assert [path.rsplit("/", 1)[1] for path in made["files"]] == [
        "programme.json", "anchor.json",
    ]  # fmt: skip
    before = (tmp_path / "out" / "anchor.json").read_bytes()
    assert "never overwritten" in town.json(*command, code=2)["error"]
    assert (tmp_path / "out" / "anchor.json").read_bytes() == before
    for path in (tmp_path / "out" / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("*.part"))
    command[command.index("-o") + 1] = file / "out"
    town.json(*command, code=2)


def test_a_programme_that_was_altered_is_refused(
    town: Any, file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    town.json(*town.create(file, out))
    show = ["programme", "show", "--folder", out]
    whole = (out / "programme.json").read_text()
    body = json.loads(whole)
    body["signatures"] = body["signatures"][:1]
    for text, code in ((json.dumps(body), 5), ("{}", 8), ("no", 8)):
        (out / "programme.json").write_text(text)
        town.json(*show, code=code)
    (out / "programme.json").write_text(whole)
    town.json(*show)
    (out / "anchor.json").write_text('{"programme": "p", "keys": "k"}')
    town.json(*show, code=8)
    (out / "anchor.json").unlink()
    assert "anchor.json" in town.json(*show, code=2)["error"]


def test_a_key_is_made_once_and_under_a_passphrase(town: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.key"
    made = town.json("key", "new", "x", "-o", path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["about"] == made
    town.json("key", "new", "x", "-o", path, code=2)
    town.json("key", "new", "x", "-o", tmp_path, code=2)
    town.json("key", "new", "x", "-o", path / "y", code=2)
    assert json.loads(path.read_text())["about"] == made
    shown = town.overt("key", "new", "y", "-o", tmp_path / "y.key").stdout
    assert shown.startswith(f"{tmp_path / 'y.key'}\npublic: ")


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("short\n", 0o600, "at least 8"),
        ("", 0o600, "is empty"),
        ("a long enough one\n", 0o644, "open to others"),
    ],
)
def test_a_bad_passphrase_file_makes_no_key(
    town: Any, tmp_path: Path, text: str, mode: int, said: str
) -> None:
    words = tmp_path / "words"
    words.write_text(text)
    words.chmod(mode)
    new = ["key", "new", "x", "-o", tmp_path / "x.key", "--passphrase-file", words]
    assert said in town.json(*new, code=2)["error"]
    assert not (tmp_path / "x.key").exists()


def test_where_nobody_can_be_asked_it_says_so(town: Any, tmp_path: Path) -> None:
    new = ["key", "new", "x", "-o", tmp_path / "x.key"]
    told = town.json(*new, code=2, OVERT_PASSPHRASE_FILE="")
    assert "nobody can be asked" in told["error"]


def asked(process: subprocess.Popen[bytes]) -> bool:
    """Wait for the next question; whether there is one."""
    assert process.stderr is not None
    said = b""
    while not said.endswith((b"key: ", b"confirmation: ")):
        one = os.read(process.stderr.fileno(), 1)
        if not one:
            return False
        said += one
    return True


@pytest.mark.parametrize("answers", ["one passphrase", "another one"])
def test_at_a_terminal_a_new_passphrase_is_asked_twice(
    town: Any, tmp_path: Path, answers: str
) -> None:
    ours, theirs = pty.openpty()
    path = tmp_path / "x.key"
    process = subprocess.Popen(
        [sys.executable, "-m", "overt.cli", "key", "new", "x", "-o", str(path)],
        stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env=os.environ | town.env | {"OVERT_PASSPHRASE_FILE": ""},
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    for answer in ("one passphrase", answers, "\x04"):
        if not asked(process):
            break
        os.write(ours, f"{answer}\n".encode())
    process.communicate(timeout=30)
    os.close(ours)
    assert process.returncode == (0 if answers == "one passphrase" else 1)
    assert path.exists() == (process.returncode == 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [("{}", 8), ("no", 8), ('{"overt": "key.v1"}', 8), ("", 8)],
)
def test_a_malformed_key_file_is_refused(
    town: Any, tmp_path: Path, text: str, code: int
) -> None:
    path = tmp_path / "bad.key"
    path.write_text(text)
    options = ["--folder", town.programme, "--why", "x", "-o", tmp_path / "order"]
    town.json("programme", "halt", "--as", path, *options, code=code)
    assert not (tmp_path / "order").exists()


def test_another_passphrase_opens_no_key(town: Any, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text("not the passphrase\n")
    words.chmod(0o600)
    options = ["--folder", town.programme, "--why", "x", "-o", tmp_path / "order"]
    told = town.json(
        "programme", "halt", "--as", town.key("stella"), *options,
        code=5, OVERT_PASSPHRASE_FILE=str(words),
    )  # fmt: skip
    assert "passphrase is wrong" in told["error"]


def test_halts_are_signed_into_a_file_without_a_server(
    town: Any, tmp_path: Path
) -> None:
    order = tmp_path / "orders" / "halt.json"
    stella = ["--as", town.key("stella")]
    options = ["--folder", town.programme, "--why", "An exposure."]
    assert (
        "--server"
        in town.json("programme", "halt", *stella, *options, code=2)["remedy"]
    )
    town.json("programme", "halt", *stella, *options, "-o", order)
    assert order.stat().st_mode & 0o777 == 0o600
    told = town.json("inspect", order)
    assert (told["state"], told["reason"]) == ("halted", "An exposure.")
    lift = ["programme", "resume", *stella, *options, "-o", tmp_path / "lift.json"]
    town.json(*lift, code=7)
    assert not (tmp_path / "lift.json").exists()
    town.overt(*lift, "--as", town.key("rita"))
    told = town.json("inspect", tmp_path / "lift.json")
    assert len(told["signed_by"]) == 2
    town.json("programme", "halt", *stella, *options, "-o", tmp_path, code=2)
    town.json("programme", "halt", *stella, *options, "-o", order / "x", code=2)


@pytest.mark.loopback
def test_an_invitation_needs_the_threshold_and_a_place(
    town: Any, tmp_path: Path
) -> None:
    key = town.programme / "keys/programme-stella.key"
    door = ["--server", "http://127.0.0.1:9", "--broker", "http://127.0.0.1:9"]
    command = [
        "programme", "invite", "--as", town.key("stella"), *door,
        "--folder", town.programme, "--programme-key", key,
    ]  # fmt: skip
    told = town.json(*command, "-o", tmp_path / "i.json", code=7)
    assert told["error"] == "2 programme keys must sign; 1 are named."
    town.json(*command, "-o", tmp_path, code=2)
    town.json(*command, "--programme-key", key, "-o", tmp_path / "i.json", code=9)
    assert not (tmp_path / "i.json").exists()
