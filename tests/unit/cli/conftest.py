"""A programme with its members' keys and, where asked for, its real servers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner, Result

from overt.cli.__main__ import main
from overt.protocol import keyfile

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSPHRASE = "words that nobody else has"  # noqa: S105 - of a test alone
MEMBERS = {
    "stella": ("steward",),
    "rita": ("representative", "approver"),
    "omar": ("approver",),
    "rene": ("researcher",),
    "rolf": ("researcher",),
    "ada": ("auditor",),
}
HOLDERS = ("stella", "rita")
TOML = """\
title = "Test"
controller = "Example Ltd, privacy@example.org"
retention_days = 30
regions = ["EU"]
min_cohort = 1
[[purposes]]
id = "train-agents"
title = "Train agents"
text = "Agents learn such tasks."
[notice]
version = "1"
language = "en"
text = "What is recorded, and why."
[dpia]
reference = "DPIA-7"
author = "stella"
date = "2026-11-02"
[[allow]]
app = "chromium*"
level = "clear"
"""
_DOOR = {"OVERT_SERVER": "", "OVERT_BROKER": "", "DISPLAY": ":54321"}


def command_of(words: list[str]) -> click.Command:
    """Follow words into the commands."""
    command: click.Command = main
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        assert found is not None, words
        command = found
    return command


class Town:
    """Everybody of a programme, on one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.words = folder / "passphrase"
        self.words.write_text(PASSPHRASE + "\n")
        self.words.chmod(0o600)
        self.data, self.programme = folder / "data", folder / "programme"
        self.env = _DOOR | {
            "OVERT_PASSPHRASE_FILE": str(self.words),
            "OVERT_HOME": str(folder / "participant"),
        }

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def as_(self, name: str) -> tuple[str, ...]:
        """Options of a member who signs: key, name and programme."""
        return (
            *("--as", str(self.key(name)), "--name", name),
            *("--folder", str(self.programme)),
        )

    def overt(
        self, *words: str | Path, code: int = 0, text: str = "", **env: str
    ) -> Result:
        """Run a command; its exit code must be one that its help documents."""
        arguments = [str(word) for word in words]
        result = CliRunner().invoke(
            main, arguments, input=text or None, env=self.env | env
        )
        assert result.exit_code == code, result.output
        assert isinstance(result.exception, SystemExit | None), result.exception
        epilog = command_of(arguments).epilog or ""
        assert f"\n  {code}  " in epilog, (arguments[:2], code)
        return result

    def json(self, *words: str | Path, code: int = 0, **env: str) -> Any:
        """Run a command with --json; return what it says, on stderr if it fails."""
        result = self.overt(*words, "--json", code=code, **env)
        return json.loads(result.stderr if code else result.stdout)

    def toml(self) -> str:
        """Return the programme file with everybody's key."""
        text = TOML
        for name, roles in MEMBERS.items():
            about = json.loads(self.key(name).read_text())["about"]
            text += f'[[roster]]\nname = "{name}"\nroles = {json.dumps(roles)}\n'
            text += f'key = "{about["public"]}"\n'
        return text

    def found(self) -> None:
        """Make keys, service keys and the programme, each by its command."""
        for name in MEMBERS:
            self.json("key", "new", name, "-o", self.key(name))
        self.json("serve", "--data", self.data, "--init")
        file = self.folder / "programme.toml"
        file.write_text(self.toml())
        self.json(*self.create(file, self.programme))

    def create(self, file: Path, output: Path) -> list[str | Path]:
        """Return the command that creates a programme."""
        holders = [word for name in HOLDERS for word in ("--holder", name)]
        services = self.data / "services.json"
        return [
            *("programme", "create", file, "--services", services),
            *("-o", output, *holders),
        ]

    def ask(self, who: str, job: Path, **more: str) -> list[str | Path]:
        """Return the command that asks for access."""
        given = {"purpose": "train-agents", "reason": "An agent.", "region": "EU"}
        options = [
            word for key, one in (given | more).items() for word in (f"--{key}", one)
        ]
        return ["access", "request", *self.as_(who), *options, "--job", job]

    def serve_command(self, *more: str | Path) -> list[str]:
        words = ["serve", "--data", self.data, "--programme", self.programme, *more]
        return [sys.executable, "-m", "overt.cli", *map(str, words)]

    @contextmanager
    def serving(self, *more: str | Path, **env: str) -> Iterator[Served]:
        """Run the real servers, and end them with SIGTERM."""
        process = subprocess.Popen(
            self.serve_command(*more),
            env=os.environ | self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Served(self, process)
        finally:
            process.terminate()
            process.communicate(timeout=20)


class Served:
    """The servers while they run."""

    def __init__(self, town: Town, process: subprocess.Popen[str]) -> None:
        self.town, self.process = town, process
        self.notes = town.data / "addresses.json"
        until = time.monotonic() + 120
        while not self.notes.exists():
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                pytest.fail(f"no servers: {process.communicate()}")
            time.sleep(0.05)
        self.urls: dict[str, str] = json.loads(self.notes.read_text())
        self.env = {
            "OVERT_SERVER": self.urls["vault"],
            "OVERT_BROKER": self.urls["broker"],
        }

    def children(self) -> list[int]:
        """Return the ids of the two server processes."""
        pid = self.process.pid
        listing = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(word) for word in listing.read_text().split()]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send the command a signal; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def cheap_keys() -> Iterator[None]:
    """Derive the tests' keys at little cost: their passphrase is no secret."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyfile, "SCRYPT_N", 16)
        yield


@pytest.fixture(scope="module", autouse=True)
def _cheap_keys() -> Iterator[None]:
    with cheap_keys():
        yield


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A founded programme; tests read it and write elsewhere."""
    made = Town(tmp_path_factory.mktemp("town"))
    with cheap_keys():
        made.found()
    return made


@pytest.fixture(scope="session")
def new_town(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Make a town of one's own."""

    def make() -> Town:
        made = Town(tmp_path_factory.mktemp("town"))
        with cheap_keys():
            made.found()
        return made

    return make
