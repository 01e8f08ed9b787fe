"""One run of the demonstration: its folder, its state, and how it calls `overt`.

Input: a folder. Output: stages done, with their figures and seconds, kept so that a
run can go on where it stopped. Every stage calls the product's own commands.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = "correct horse battery staple"  # noqa: S105 - of this run's own keys


class StageError(Exception):
    """A stage failed; the message says which command and why."""


@dataclass
class Config:
    """What a run does.

    Attributes:
        tasks: Tasks that are recorded and trained on.
        demos: Demonstrations a task.
        privacy: Tasks with password fields, recorded as tests, not trained on.
        privacy_demos: Episodes of each of these.
        episodes: Test episodes a task and policy.
        seeds: Training seeds.
        train_s: CPU seconds of one training.
        seed_prefix: Of the test seeds.
        human: Whether a person at the display does the tasks.
        pace: Speed of the scripted hand; 1 is an unhurried person.
    """

    tasks: tuple[str, ...]
    demos: int = 32
    privacy: tuple[str, ...] = ("login-user", "enter-password")
    privacy_demos: int = 2
    episodes: int = 20
    seeds: int = 1
    train_s: int = 140
    seed_prefix: str = "test"
    human: bool = False
    pace: float = 1.2


@dataclass
class State:
    """What is done: per stage its figures and its seconds."""

    config: dict[str, Any]
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


class Run:
    """A run in a folder.

    Attributes:
        folder: Where everything of the run lies.
        addresses: Where vault and broker answer, as commands read it; while they run.
        config: What it does.
        state: What is done.
    """

    def __init__(self, folder: Path, config: Config) -> None:
        self.folder, self.config = folder, config
        self.addresses: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state = State(asdict(config))
        self.passphrase_file = folder / "passphrase"
        if not self.passphrase_file.exists():
            self.passphrase_file.write_text(PASSPHRASE + "\n", encoding="utf-8")
            self.passphrase_file.chmod(0o600)

    @property
    def participants(self) -> tuple[int, ...]:
        """Numbers of the participants: two, or the one person at the display."""
        return (1,) if self.config.human else (1, 2)

    @property
    def _state_file(self) -> Path:
        return self.folder / "state.json"

    def can_go_on(self) -> bool:
        """Take up the state of an earlier run of the same configuration."""
        if not self._state_file.exists():
            return False
        body = json.loads(self._state_file.read_text(encoding="utf-8"))
        if body["config"] != json.loads(json.dumps(asdict(self.config))):
            return False
        self.state = State(**body)
        return True

    def done(self, stage: str) -> bool:
        """Whether a stage has been done."""
        return stage in self.state.seconds

    def finish(self, stage: str, seconds: float, figures: dict[str, Any]) -> None:
        """Note a stage as done."""
        self.state.seconds[stage] = round(seconds, 1)
        self.state.figures.update(figures)
        temporary = self._state_file.with_suffix(".part")
        temporary.write_text(json.dumps(asdict(self.state), indent=1), encoding="utf-8")
        temporary.replace(self._state_file)

    def home(self, person: int) -> Path:
        """Return a participant's home."""
        return self.folder / f"participant-{person}"

    def key(self, name: str) -> Path:
        """Return a member's key file."""
        return self.folder / "people" / f"{name}.key"

    @property
    def job(self) -> tuple[str, ...]:
        """Options of a command that works in the job's folder, as its researcher."""
        return "--job", str(self.folder / "job"), "--as", str(self.key("rene"))

    def env(self, **extra: str) -> dict[str, str]:
        """Return the environment for commands of this run."""
        return os.environ | {
            "OVERT_PASSPHRASE_FILE": str(self.passphrase_file),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.folder),
            **self.addresses,
            **extra,
        }

    def command(self, *args: str | Path) -> list[str]:
        """Return the argument list of an `overt` command."""
        return [sys.executable, "-m", "overt.cli", *map(str, args)]

    def overt(self, *args: str | Path, **env: str) -> Any:
        """Run an `overt` command with `--json` and return what it says.

        Raises:
            StageError: It failed; its message is passed on.
        """
        command = self.command(*args, "--json")
        done = subprocess.run(
            command, env=self.env(**env), capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-600:]
            name = " ".join(str(arg) for arg in args[:2])
            raise StageError(f"`overt {name}` ended with {done.returncode}: {said}")
        return json.loads(done.stdout) if done.stdout.strip() else None


def wait_until(what: str, ready: Any, seconds: float = 30.0) -> Any:
    """Poll until something is true; return it.

    Raises:
        StageError: It did not come about.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := ready():
            return value
        time.sleep(0.1)
    raise StageError(f"{what} did not happen within {seconds:.0f} s.")
