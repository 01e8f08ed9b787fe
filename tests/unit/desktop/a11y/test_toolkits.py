"""Password prompts of several toolkits: none lets the keys of a password be kept.

Real windows with one field each, which has the keyboard when the window comes up.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest

from overt.desktop.a11y.accessibility import Accessibility
from overt.desktop.a11y.focus import UNKNOWN, Focus
from overt.research.evaluate.desk import Desk

pytestmark = pytest.mark.display
PYTHON = "/usr/bin/python3"  # Debian's own, which has the toolkits
QT = """
import sys
from PyQt5.QtWidgets import QApplication, QLineEdit
app = QApplication(sys.argv)
line = QLineEdit()
if "secret" in sys.argv:
    line.setEchoMode(QLineEdit.Password)
line.setText("before")
line.resize(300, 60)
line.show()
line.activateWindow()
line.setFocus()
app.exec_()
"""
GTK_4 = """
import sys
import gi
gi.require_version("Gtk", "4.0")
from gi.repository import Gtk
def show(app):
    window = Gtk.ApplicationWindow(application=app)
    window.set_child(Gtk.PasswordEntry() if "secret" in sys.argv else Gtk.Entry())
    window.present()
app = Gtk.Application()
app.connect("activate", show)
app.run([])
"""


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with Desk((500, 300), human=False) as found:
        yield found


def _has(module: str) -> bool:
    command = [PYTHON, "-c", module]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


NEEDS_QT = pytest.mark.skipif(
    not _has("import PyQt5.QtWidgets"), reason="python3-pyqt5 is not installed"
)
NEEDS_GTK_4 = pytest.mark.skipif(
    not _has("import gi; gi.require_version('Gtk', '4.0')"),
    reason="python3-gi and gir1.2-gtk-4.0 are not installed",
)
WINDOWS = [
    pytest.param(["zenity", "--entry", "--text=Name"], "kept", id="gtk3"),
    pytest.param(["zenity", "--password"], "secret", id="gtk3-password"),
    pytest.param([PYTHON, "-c", QT, "plain"], "kept", id="qt", marks=NEEDS_QT),
    pytest.param(
        [PYTHON, "-c", QT, "secret"], "secret", id="qt-password", marks=NEEDS_QT
    ),
    pytest.param(
        [PYTHON, "-c", GTK_4, "secret"], "unknown", id="gtk4-password",
        marks=NEEDS_GTK_4,
    ),
    pytest.param(
        [PYTHON, "-c", GTK_4, "plain"], "unknown", id="gtk4", marks=NEEDS_GTK_4
    ),
]  # fmt: skip


@pytest.mark.parametrize(("command", "verdict"), WINDOWS)
def test_what_becomes_of_keys(desk: Desk, command: list[str], verdict: str) -> None:
    env = desk.env | {"QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1", "QT_ACCESSIBILITY": "1"}
    with _running(command, env) as process, closing(_listening(desk)) as a11y:
        focus = _focus(a11y, process.pid, hears=verdict != "unknown")
        assert focus.keeps_keys == (verdict == "kept")
        if verdict == "secret":
            assert focus.is_password
            assert list(a11y.secret_places() or {}) == [focus.ref]
            assert all(
                not one.is_empty() for one in (a11y.secret_places() or {}).values()
            )


def _listening(desk: Desk) -> Accessibility:
    return Accessibility(desk.env["DBUS_SESSION_BUS_ADDRESS"])


class _running:  # noqa: N801 - reads as a verb
    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL}
        self.process = subprocess.Popen(
            command, env=env, stderr=subprocess.DEVNULL, **quiet
        )

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self.process

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()


def _focus(a11y: Accessibility, pid: int, *, hears: bool) -> Focus:
    """What has the focus once the window is up; where it says anything."""
    deadline = time.monotonic() + (60 if hears else 8)
    while time.monotonic() < deadline:
        with suppress(OSError):
            a11y.focus_changes()
            focus = a11y.focused(pid)
            if focus is not None and focus.role not in {"", "frame", "dialog"}:
                return focus
        time.sleep(0.2)
    assert not hears, "the window's field never had the focus"
    return UNKNOWN
