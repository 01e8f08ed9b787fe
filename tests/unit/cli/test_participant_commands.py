"""The participant's commands: help, results and errors as text and JSON."""

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from overt.cli.__main__ import COMMANDS, main

pytestmark = pytest.mark.loopback
_FAKE = Path(__file__).parents[2] / "fakes" / "vault.py"
_MINE = (
    "consent", "doctor", "enrol", "export", "forget", "my", "pause", "record",
    "resume", "review", "send", "status", "stop", "task",
)  # fmt: skip
_AGREE = [
    *("consent", "give", "--yes", "--purpose", "train-agents"),
    *("--data-type", "input", "--data-type", "screen"),
]


@pytest.fixture
def vault() -> Iterator[Any]:
    made = runpy.run_path(str(_FAKE))["FakeVault"]()
    yield made
    made.close()


@pytest.fixture
def overt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    words = tmp_path / "words"
    words.write_text("a long enough passphrase\n")
    words.chmod(0o600)
    monkeypatch.setenv("OVERT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OVERT_PASSPHRASE_FILE", str(words))
    monkeypatch.setenv("DISPLAY", ":54321")

    def run(*arguments: str, code: int = 0, text: str = "") -> Result:
        result = CliRunner().invoke(main, list(arguments), input=text or None)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def enrolled(overt: Any, vault: Any, tmp_path: Path) -> Any:
    invitation = tmp_path / "invitation.json"
    invitation.write_text(json.dumps(vault.invitation()))
    overt("enrol", str(invitation))
    return overt


def _leaves(command: click.Command, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(command, click.Group):
        return [
            leaf
            for name, inner in command.commands.items()
            for leaf in _leaves(inner, (*path, name))
        ]
    return [path]


def test_every_command_has_help_json_and_exit_codes(overt: Any) -> None:
    for name in _MINE:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        for path in _leaves(command, (name,)):
            shown = overt(*path, "--help").output
            assert "--json" in shown, path
            assert "Exit codes:" in shown, path


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    heavy = ("numpy", "fastapi", "httpx", "torch", "cryptography", "PIL", "sqlalchemy")
    code = (
        "import sys; from overt.cli.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == "[]"
    assert set(_MINE) <= set(COMMANDS)


def test_errors_say_what_to_do_in_text_and_json(overt: Any) -> None:
    plain = overt("consent", "show", code=3)
    assert "overt enrol" in plain.stderr
    told = json.loads(overt("consent", "show", "--json", code=3).stderr)
    assert told == {
        "error": "This device is not enrolled.",
        "remedy": "Run: overt enrol INVITATION",
        "exit_code": 3,
    }
    wrong = overt("task", "end", "--json", "perhaps", code=2)
    assert json.loads(wrong.stderr)["exit_code"] == 2


def test_from_invitation_to_withdrawal(enrolled: Any) -> None:
    shown = json.loads(enrolled("consent", "show", "--json").stdout)
    assert shown["consent"] is None
    assert "nothing else" in shown["notice"]["text"]
    given = json.loads(enrolled(*_AGREE, "--json").stdout)
    assert given["consent"]["purposes"]["improve-forms"] is False
    assert "You agreed" in enrolled("consent", "show").stdout
    receipts = json.loads(enrolled("consent", "receipt", "--json").stdout)["receipts"]
    assert {one["kind"] for one in receipts} == {"enrolment", "consent"}
    assert "confirmed" in enrolled("consent", "withdraw").stdout
    assert "withdrawn" in enrolled("consent", "show").stdout


def test_without_names_each_is_asked_and_no_is_the_answer(enrolled: Any) -> None:
    enrolled("consent", "give", code=2, text="\n\n\n\n\n")
    enrolled("consent", "give", "--yes", code=2)
    enrolled("consent", "give", code=0, text="y\nn\ny\ny\nn\n")
    consent = json.loads(enrolled("consent", "show", "--json").stdout)["consent"]
    assert consent["purposes"] == {"train-agents": True, "improve-forms": False}
    assert consent["data_types"]["context"] is False


def test_a_withdrawal_holds_though_the_server_is_away(
    enrolled: Any, vault: Any
) -> None:
    enrolled(*_AGREE)
    vault.away = True
    assert "No fresh word" in enrolled("record", code=3).stderr
    enrolled("consent", "withdraw", code=9)
    assert "have withdrawn" in enrolled("record", code=3).stderr
    assert "withdrawn" in enrolled("consent", "show").stdout
    vault.away = False
    enrolled("consent", "withdraw")


@pytest.mark.parametrize("trouble", ["missing", "no json", "altered", "expired"])
def test_a_bad_invitation_is_refused(
    overt: Any, vault: Any, tmp_path: Path, trouble: str
) -> None:
    path = tmp_path / "invitation.json"
    body = vault.invitation(expires_utc_s=1 if trouble == "expired" else 2**40)
    if trouble == "altered":
        body["person"] = "part_" + "a" * 26
    text = "no" if trouble == "no json" else json.dumps(body)
    if trouble != "missing":
        path.write_text(text)
    codes = {"missing": 2, "no json": 8, "altered": 5, "expired": 7}
    overt("enrol", str(path), code=codes[trouble])
    assert not (tmp_path / "home").exists()


def test_recording_is_refused_without_consent_or_display(enrolled: Any) -> None:
    assert "not consented" in enrolled("record", code=3).stderr
    enrolled(*_AGREE)
    assert "display" in enrolled("record", code=4).stderr
    enrolled("status")
    assert json.loads(enrolled("status", "--json").stdout)["running"] is False
    enrolled("pause", "5", code=4)


def test_review_send_and_export_of_nothing(enrolled: Any, tmp_path: Path) -> None:
    assert "Nothing is recorded" in enrolled("review").stdout
    enrolled("send", code=3)
    enrolled(*_AGREE)
    assert json.loads(enrolled("send", "--json").stdout) == {"sent": []}
    enrolled("export", str(tmp_path / "out"))
    enrolled("export", str(tmp_path / "out"), code=2)
    enrolled("review", "--discard", "seg_nothing", code=8)


def test_a_wrong_passphrase_unlocks_nothing(enrolled: Any, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("something else\n")
    enrolled("review", code=5)


def test_the_doctor_names_what_is_missing(overt: Any) -> None:
    findings = json.loads(overt("doctor", "--json", code=4).stdout)["findings"]
    states = {one["what"]: one["state"] for one in findings}
    assert states["display"] == states["enrolment"] == "bad"


def test_status_is_an_answer_where_nothing_records(
    overt: Any, enrolled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del enrolled
    said = overt("status").stdout
    assert "Stopped: No recorder runs on display :54321" in said
    assert "overt record" in said
    monkeypatch.delenv("DISPLAY")
    answer = json.loads(overt("status", "--json").stdout)
    assert (answer["running"], answer["phase"], answer["others"]) == (
        False,
        "stopped",
        [],
    )
    assert "No recorder runs here" in overt("status").stdout
    spool = tmp_path / "home" / "spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    (spool / f"seg_{'a' * 26}.ovsp").write_bytes(b"OVERT")
    assert json.loads(overt("status", "--json").stdout)["waiting"] == {"damaged": 1}
    assert "No recorder runs here" in overt("status").stdout
    monkeypatch.setenv("OVERT_HOME", str(tmp_path / "nobody"))
    assert "No recorder runs here" in overt("status").stdout
    assert not (tmp_path / "nobody").exists()
