"""A participant's `overt record` as a process on a display."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from overt.recorder.person.control import ControlClient

if TYPE_CHECKING:
    from pathlib import Path
    from types import SimpleNamespace


class Recording:
    """A running `overt record`."""

    def __init__(self, person: SimpleNamespace, screen: str, words: Path) -> None:
        self.control = ControlClient(person.home, screen, timeout_s=10)
        environment = {
            **os.environ,
            "OVERT_HOME": str(person.home.root),
            "OVERT_PASSPHRASE_FILE": str(words),
            "DISPLAY": screen,
        }
        environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "overt.cli", "record", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_alive(self) -> None:
        """Return once it says that it records."""
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline())["state"] == "recording"
        self.wait_for(records=True)

    def wait_for(self, **wanted: object) -> dict[str, Any]:
        """Return the status once it is as wanted."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            state = self.control.call("status")
            if wanted.items() <= state.items():
                return state
            time.sleep(0.05)
        raise AssertionError(state)

    def end(self) -> tuple[int, dict[str, Any]]:
        """Return the exit code and the error that it ended with."""
        _, told = self.process.communicate(timeout=120)
        return self.process.returncode, json.loads(told) if told else {}
