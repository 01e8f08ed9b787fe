"""The control socket: who may call, and what comes back."""

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from overt.protocol.errors import CaptureError, ConsentError, UsageError
from overt.recorder.person.control import ControlClient, ControlServer, display_name
from overt.recorder.person.home import Home


class Loop:
    """Polls a server in a thread, as the recording loop does."""

    def __init__(self, server: ControlServer, handle: Callable) -> None:
        self._server, self._handle = server, handle
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.005):
            self._server.poll(self._handle)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()


def _handle(command: str, arguments: dict) -> dict:
    if command == "task_begin":
        raise ConsentError("Nothing is being recorded: paused.", remedy="Resume.")
    return {"command": command, **arguments}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    deep = tmp_path / ("a-long-folder-name-" * 6) / "home"
    made = Home(deep)
    made.prepare()
    return made


@pytest.fixture
def loop(home: Home) -> Iterator[Loop]:
    server = ControlServer(home, ":7")
    made = Loop(server, _handle)
    yield made
    made.stop()
    server.close()
    assert list(home.run.iterdir()) == []


@pytest.mark.usefixtures("loop")
def test_a_call_is_answered(home: Home) -> None:
    answer = ControlClient(home, ":7.0").call("pause", minutes=5)
    assert answer == {"command": "pause", "minutes": 5}


@pytest.mark.usefixtures("loop")
def test_an_error_arrives_as_its_class_with_its_remedy(home: Home) -> None:
    with pytest.raises(ConsentError, match="paused") as caught:
        ControlClient(home, ":7").call("task_begin", text="x", source="person")
    assert caught.value.remedy == "Resume."


@pytest.mark.usefixtures("loop")
def test_an_unknown_command_is_refused(home: Home) -> None:
    with pytest.raises(UsageError, match="start"):
        ControlClient(home, ":7").call("start")


@pytest.mark.usefixtures("loop")
def test_garbage_is_answered_and_a_flood_is_cut(home: Home) -> None:
    folder = home.run
    handle = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(f"/proc/self/fd/{handle}/display-7.sock")
        peer.sendall(b"garbage\n")
        assert json.loads(peer.makefile("rb").readline())["ok"] is False
        peer.settimeout(5)
        with pytest.raises(ConnectionError):
            peer.sendall(b"x" * (16 << 20))
    os.close(handle)


@pytest.mark.usefixtures("loop")
def test_the_socket_is_its_owners_alone(home: Home) -> None:
    path = home.run / "display-7.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_a_recorder_the_client_says_so(home: Home) -> None:
    with pytest.raises(CaptureError, match="No recorder runs on display :8"):
        ControlClient(home, ":8").call("status")


@pytest.mark.parametrize("name", ["", "host:0", "../x", ":0/../../x", ":x"])
def test_a_foreign_display_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        display_name(name)
