"""The control window on a real X server: its buttons are the commands."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from overt.protocol.errors import CaptureError
from overt.recorder.person.home import Home
from overt.recorder.person.minutes import Preview
from overt.recorder.person.wishes import Never, read_wishes

tk = pytest.importorskip("tkinter", reason="Tk is a package of its own")
pytestmark = pytest.mark.display
STATE = {"phase": "recording", "tone": "red", "text": "Recording: masked"}
MINUTE = {
    "segment": "seg_x",
    "started_utc_ns": "1800000000000000000",
    "until_utc_ns": "1800000060000000000",
    "size_bytes": 5,
    "state": "waiting",
}


class Recorder:
    """Notes what it is called for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        if command == "status":
            return STATE
        if command == "stop":
            raise CaptureError("No recorder runs on display :7.")
        self.calls.append((command, arguments))
        return {"windows": [{"app": "Mail", "title": "Inbox"}]}


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    reader, writer = os.pipe()
    command = ["/usr/bin/Xvfb", "-displayfd", str(writer), "-screen", "0", "640x720x24"]
    server = subprocess.Popen(command, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as said:
        name = f":{said.readline().strip()}"
    yield name
    server.terminate()
    server.wait()


class Bench:
    def __init__(self, screen: str, home: Home, patch: pytest.MonkeyPatch) -> None:
        from overt.recorder.person import window

        self.recorder, self.forgotten = Recorder(), []
        patch.setattr(window, "ControlClient", lambda *_: self.recorder)
        patch.setattr(window, "preview_everywhere", self._preview)
        patch.setattr(window, "forget_everywhere", self._forget)
        self.root = tk.Tk(screenName=screen, className="overt-control")
        self.made = window.ControlWindow(self.root, home, screen)
        self.root.update()

    def _preview(self, _: Home, arguments: Any) -> Preview:
        found = [MINUTE] if arguments["minutes"] > 1 else []
        return Preview(found, {"since": "7"})

    def _forget(self, _: Home, arguments: Any) -> list[Any]:
        self.forgotten.append(arguments)
        return [MINUTE]

    def buttons(self) -> dict[str, Any]:
        found, look = {}, [self.root]
        while look:
            widget = look.pop()
            look += widget.winfo_children()
            if widget.winfo_class() == "TButton":
                found[str(widget.cget("text"))] = widget
        return found

    def press(self, label: str) -> None:
        self.buttons()[label].invoke()
        self.root.update()

    @property
    def note(self) -> str:
        return str(self.made._note.get())


@pytest.fixture
def bench(
    screen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    home = Home(tmp_path / "home")
    home.prepare()
    made = Bench(screen, home, monkeypatch)
    yield made
    made.root.destroy()


def test_each_button_is_a_command(bench: Bench) -> None:
    assert bench.made._text.get() == "Recording: masked"
    for label in ("5 minutes", "Until tomorrow", "Until I resume"):
        bench.press(label)
    assert bench.recorder.calls == [
        ("pause", {"minutes": 5}), ("pause", {"until": "tomorrow"}), ("pause", {}),
    ]  # fmt: skip
    assert bench.buttons()["Resume"].instate(["disabled"])
    bench.press("Stop recording")
    assert bench.note == "No recorder runs on display :7."


def test_forgetting_asks_once_and_shows_what_goes(bench: Bench) -> None:
    bench.press("1")
    assert bench.note == "Nothing is recorded in these minutes."
    bench.press("10")
    bench.press("Keep them")
    assert bench.forgotten == []
    bench.press("10")
    bench.press("Destroy them")
    assert bench.forgotten == [{"since": "7"}]
    assert bench.note == "1 minute is destroyed."


def test_a_window_is_excluded_for_good(bench: Bench) -> None:
    bench.press("Never record...")
    bench.press("App Mail")
    assert read_wishes(bench.made._home).never == (Never(app="Mail"),)
