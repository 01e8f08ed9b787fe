"""A password typed at the real prompt of `sudo` in a real terminal is in no record."""

import os
import shutil
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from overt.desktop.a11y.focus import UNKNOWN
from overt.desktop.x11.synth import Synth
from overt.protocol.programme import AllowRule
from overt.protocol.records import EventKind, InputRecord, Level
from overt.recorder.capture.neverlist import WithNeverList
from tests.fakes.vault import FakeVault

pytestmark = pytest.mark.display
PASSWORD, CONTROL = "qwxjzk", "able"  # no letter in both


@pytest.fixture
def programme() -> Iterator[Any]:
    """A programme that asks for terminals."""
    vault = FakeVault()
    apps = ("XTerm", "Disguised", "Painter")
    vault.change(allow=tuple(AllowRule(app, Level.CLEAR) for app in apps))
    yield vault.programme
    vault.close()


class Terminal:
    """An xterm in which sudo asks for a password."""

    def __init__(self, name: str, folder: Path, wm_class: str) -> None:
        self._said, self._log = folder / "tty", folder / "shown"
        nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
        ask = f"tty > {self._said}; {'' if os.getuid() else nobody}sudo -k true"
        self._process = subprocess.Popen(
            [
                "/usr/bin/xterm",
                "-l",
                "-lf",
                str(self._log),
                *("-class", wm_class),
                "-e",
                "sh",
                "-c",
                ask,
            ],
            env={**os.environ, "DISPLAY": name},
            stderr=subprocess.DEVNULL,
        )

    def asks(self) -> bool:
        """Whether it waits for a password: the terminal shows nothing of what comes."""
        if self._process.poll() is not None:
            pytest.skip("sudo asks for no password here")
        tty = self._said.read_text().strip() if self._said.exists() else ""
        if not tty:
            return False
        line = os.open(tty, os.O_RDWR | os.O_NOCTTY)
        try:
            return not termios.tcgetattr(line)[3] & termios.ECHO
        finally:
            os.close(line)

    def is_asked_again(self) -> bool:
        """Whether a wrong password came: sudo took what was typed and asks anew."""
        _wait(self.asks)
        return self._log.exists() and b"Sorry" in self._log.read_bytes()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def terminal(x_server: str, tmp_path: Path) -> Iterator[Any]:
    if not all(shutil.which(one) for one in ("xterm", "sudo", "setpriv")):
        pytest.skip("xterm and sudo are not installed")
    made: list[Terminal] = []

    def start(wm_class: str) -> Terminal:
        made.append(Terminal(x_server, tmp_path, wm_class))
        _wait(made[-1].asks)
        return made[-1]

    yield start
    for one in made:
        one.close()


def _type(hands: Synth, text: str) -> None:
    """Type with a pause before and after, in which the recorder asks for the field."""
    time.sleep(1.0)
    hands.type_text(text)
    time.sleep(1.5)


def _wait(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _window_of(painter: Any, wm_class: str) -> Any:
    for window in painter.root.query_tree().children:
        if (window.get_wm_class() or ("", ""))[1] == wm_class:
            return window
    raise AssertionError(wm_class)


@pytest.mark.parametrize(
    ("wm_class", "knows_focus"), [("XTerm", True), ("Disguised", False)]
)
def test_nothing_of_a_password_at_a_sudo_prompt_is_kept(
    bench: Any,
    painter: Any,
    programme: Any,
    x_server: str,
    terminal: Any,
    wm_class: str,
    *,
    knows_focus: bool,
) -> None:
    """Its class is never recorded; under another its field is unknown."""
    prompt = terminal(wm_class)
    shell, window = _window_of(painter, wm_class), painter.window(500, 300, 90, 60)
    painter.focus(window)
    recorder = bench(WithNeverList(programme))
    application, plain = recorder.application, recorder.application.focus
    with Synth(x_server) as hands:
        _type(hands, CONTROL)
        application.focus = plain if knows_focus else UNKNOWN
        painter.focus(shell)
        _type(hands, PASSWORD + "\n")
        application.focus = plain
        painter.focus(window)
        _type(hands, CONTROL)
    assert prompt.is_asked_again()
    kept = [
        chr(int(event["detail"]))
        for segment in recorder.stop()
        for batch in segment.records
        if isinstance(batch, InputRecord)
        for event in batch.events
        if event["kind"] == EventKind.KEY_PRESS and event["detail"] < 0x7F
    ]
    assert "".join(kept).startswith(CONTROL)
    assert not set(kept) & set(PASSWORD)
