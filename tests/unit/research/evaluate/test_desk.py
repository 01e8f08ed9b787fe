from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from jeepney import DBusAddress, Properties
from jeepney.io.blocking import open_dbus_connection
from Xlib import display

sys.path.insert(0, str(Path(__file__).parents[3]))  # `demo` is not installed

from overt.protocol.errors import CaptureError
from overt.research.evaluate.desk import browser, desk

STATUS = DBusAddress(
    "/org/a11y/bus", bus_name="org.a11y.Bus", interface="org.a11y.Status"
)


def _stub(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_snap_stub_is_named_with_what_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stub(tmp_path, "chromium-browser", '#!/bin/sh\nexec /snap/bin/chromium "$@"\n')
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CaptureError, match=r"stub for a snap.*\.deb"):
        browser.find_chromium()


def test_a_real_browser_is_taken_before_a_stub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stub(tmp_path, "chromium", "#!/bin/sh\nexec /snap/bin/chromium\n")
    real = _stub(tmp_path, "google-chrome", "#!/bin/sh\nexec /opt/chrome\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find_chromium() == str(real)


def test_a_missing_program_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CaptureError, match="apt install chromium"):
        browser.find_chromium()
    with pytest.raises(CaptureError, match="apt install xvfb"), desk.Desk(human=False):
        pass


def test_a_person_without_a_display_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(CaptureError, match="X11 session"), desk.Desk(human=True):
        pass


def test_a_person_is_asked_for_only_with_a_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HUMAN", "1")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert not desk.wants_human()
    monkeypatch.setenv("DISPLAY", ":5")
    assert desk.wants_human()


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.display
def test_a_desk_has_screen_session_and_accessibility_and_leaves_nothing() -> None:
    with desk.Desk((320, 240), human=False) as made:
        connection = display.Display(made.display)
        wanted = ("RECORD", "XTEST", "DAMAGE", "XInputExtension", "MIT-SHM")
        assert all(connection.query_extension(name) is not None for name in wanted)
        assert connection.screen().width_in_pixels == 320
        connection.close()
        bus = open_dbus_connection(bus=made.env["DBUS_SESSION_BUS_ADDRESS"])
        reply = bus.send_and_get_reply(Properties(STATUS).get("IsEnabled"))
        bus.close()
        assert reply.body[0][1] is True
        assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
        groups = [process.pid for process in made._running]
    assert not made.folder.exists()
    deadline = time.monotonic() + 10  # what a bus had started ends a moment later
    while any(map(_lives, groups)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_lives, groups))


_SITS = """
import time
from overt.research.evaluate.desk import Desk
with Desk((320, 240), human=False) as desk:
    print(*(process.pid for process in desk._running), flush=True)
    time.sleep(600)
"""


@pytest.mark.display
def test_a_desk_that_is_told_to_end_leaves_nothing() -> None:
    command = [sys.executable, "-c", _SITS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sitting:
        assert sitting.stdout is not None
        groups = list(map(int, sitting.stdout.readline().split()))
        assert groups
        assert all(map(_lives, groups))
        sitting.terminate()
        assert sitting.wait(60) == 143
    deadline = time.monotonic() + 30
    while any(map(_lives, groups)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_lives, groups))
