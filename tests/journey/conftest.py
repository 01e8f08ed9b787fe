"""Real servers, displays and people for tests of adversity.

Set-up commands run in this process, which is quicker; what a test is about runs as the
process that people start.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from Xlib import X, display
from Xlib.ext import xtest

from demo import founding
from demo.run import Config, Run
from overt.cli.__main__ import main
from overt.protocol.consent import verify_receipt
from overt.protocol.errors import CaptureError
from overt.protocol.ids import new_id
from overt.protocol.records import TILE_PX, FrameCause, FrameRecord, TileRecord
from overt.protocol.segment import SegmentHeader, encode_record
from overt.recorder.person.consenting import standing
from overt.recorder.person.control import ControlClient
from overt.recorder.person.enrol import load_enrolment, load_programme
from overt.recorder.person.home import Home
from overt.recorder.person.identity import public_halves
from overt.recorder.spool import SpoolState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEASE_S = 4
_PAGES_RULE = 'app = "chromium*"\nurl = "{pages}"\n'
_CLOCK = """\
import os, time
_file, _time, _time_ns = os.environ["TEST_CLOCK"], time.time, time.time_ns
def _offset():
    with open(_file) as file:
        return int(file.read() or 0)
time.time = lambda: _time() + _offset()
time.time_ns = lambda: _time_ns() + _offset() * 10**9
"""


class Court(Run):
    """A programme with its servers, and people who take part."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Config(tasks=()))
        self.servers = founding.Servers(self)
        self._people = 0

    def overt(self, *args: str | Path, **env: str) -> Any:
        """Run a set-up command in this process."""
        return self.answer(0, *args, **env)

    def answer(self, code: int, *args: str | Path, **env: str) -> Any:
        """Run a command in this process; return its answer or its error."""
        words = [*map(str, args), "--json"]
        done = CliRunner().invoke(main, words, env=self.env(**env))
        assert done.exit_code == code, (words[:2], done.output, done.exception)
        text = done.stderr if code else done.stdout
        lines = text.strip().splitlines()
        return json.loads(lines[-1]) if lines else None

    def found(self) -> None:
        """Make keys and programme, and start the servers."""
        founding.make_keys(self)
        toml = founding._TOML.replace(_PAGES_RULE, 'app = "Allowed"\n')
        toml = toml.replace("lease_s = 60", f"lease_s = {LEASE_S}")
        for name, roles in founding.MEMBERS:
            about = json.loads(self.key(name).read_text("utf-8"))["about"]
            toml += founding._MEMBER.format(
                name=name, roles=json.dumps(list(roles)), key=about["public"]
            )
        (self.folder / "programme.toml").write_text(toml, "utf-8")
        services = self.folder / "server" / "services.json"
        holders = [arg for name in founding.HOLDERS for arg in ("--holder", name)]
        self.overt(
            "programme", "create", self.folder / "programme.toml",
            "--services", services, "-o", self.folder / "programme", *holders,
        )  # fmt: skip
        self.start()
        self.state.figures["ports"] = self.servers.ports

    def start(self) -> None:
        """Start the servers, on the ports that they had."""
        self.servers.__enter__()

    def end(self) -> None:
        """End the servers in order."""
        self.servers.__exit__(None, None, None)

    def kill(self) -> None:
        """Kill the command that supervises both servers; they go with it."""
        process = self.servers._process
        assert process is not None
        parts = _children(process.pid)
        process.kill()
        process.wait()
        _wait(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in parts))

    def kill_vault(self) -> None:
        """Kill the vault server alone; the command that started it ends then."""
        process = self.servers._process
        assert process is not None
        for pid in _children(process.pid):
            if b"vault\0--parent" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        assert process.wait(15) == 6

    def invitation(self, server: str = "", days: int = 14) -> Path:
        """Invite somebody; return the invitation file."""
        self._people += 1
        path = self.folder / f"invitation-{self._people}.json"
        folder = self.folder / "programme"
        keys = [
            folder / "keys" / f"programme-{name}.key" for name in founding.HOLDERS[:2]
        ]
        self.overt(
            "programme", "invite", "--folder", folder, "--as", self.key("stella"),
            "--server", server or self.servers.vault, "--days", str(days),
            "--broker", self.servers.broker,
            *[arg for key in keys for arg in ("--programme-key", key)], "-o", path,
        )  # fmt: skip
        return path

    def person(self, server: str = "", root: Path | None = None) -> Person:
        """Return somebody who is enrolled and has consented."""
        invitation = self.invitation(server)
        home = {"OVERT_HOME": str(root or self.home(self._people))}
        self.overt("enrol", invitation, **home)
        kinds = [a for k in ("input", "screen", "context") for a in ("--data-type", k)]
        self.overt(
            "consent", "give", "--purpose", "train-agents", *kinds, "--yes", **home
        )
        return Person(self, Path(home["OVERT_HOME"]))

    @property
    def objects(self) -> Path:
        """Where the vault's ciphertext lies."""
        return self.folder / "server" / "vault" / "objects"

    def rows(self) -> dict[str, tuple[str, str, str]]:
        """Return what was admitted: segment to object name, digest and state."""
        file = self.folder / "server" / "vault" / "rows.db"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as d:
            found = d.execute(
                "SELECT segment_id, object_name, sha256, state FROM segments"
            ).fetchall()
        rows = {
            segment: (name, digest, state) for segment, name, digest, state in found
        }
        assert len(rows) == len(found)
        return rows

    def check_store(self) -> None:
        """Every object is whole and has its row, every row its object."""
        rows = self.rows().values()
        files = [path for path in self.objects.rglob("*") if path.is_file()]
        names = {str(path.relative_to(self.objects)) for path in files}
        assert names == {name for name, _, _ in rows}
        for name, digest, state in rows:
            data = (self.objects / name).read_bytes()
            assert (hashlib.sha256(data).hexdigest(), state) == (digest, "stored")


class Person:
    """Somebody who takes part, and the commands that they run."""

    def __init__(self, court: Court, root: Path) -> None:
        self.court, self.home = court, Home(root)
        self.enrolment = load_enrolment(self.home)
        self.programme = load_programme(self.home, self.enrolment)

    def env(self, **more: str) -> dict[str, str]:
        """Return the environment of this person's commands."""
        env = self.court.env(OVERT_HOME=str(self.home.root), **more)
        gone = ("DBUS_SESSION_BUS_ADDRESS", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE")
        return {name: value for name, value in env.items() if name not in gone} | more

    def start(self, *args: str, **more: str) -> subprocess.Popen[str]:
        """Start a command as a process of its own."""
        return subprocess.Popen(
            self.court.command(*args, "--json"),
            env=self.env(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, code: int = 0, **more: str) -> Any:
        """Run a command to its end, in this process unless it needs its own world."""
        if more:
            return finish(self.start(*args, **more), code)
        home = {"OVERT_HOME": str(self.home.root)}
        return self.court.answer(code, *args, **home)

    def states(self) -> dict[str, str]:
        """Return the state of every segment on this machine."""
        entries = self.home.spool.entries()
        return {one.segment: one.state.value for one in entries}

    def half_files(self) -> list[Path]:
        """Return files that a writer left behind half-written."""
        return list(self.home.root.rglob("*.part"))

    def write_segment(self, size_bytes: int = 100_000) -> str:
        """Put a recorded and approved segment of noise into the spool."""
        consent = standing(self.home, public_halves(self.home).device).consent
        assert consent is not None
        tiles = -(-size_bytes // (3 * TILE_PX**2))
        header = SegmentHeader(
            new_id("seg"), new_id("sess"), 0, self.enrolment.person,
            self.enrolment.device, self.programme.programme, consent.record, "clear",
            TILE_PX, TILE_PX, time.time_ns(), time.monotonic_ns(),
        )  # fmt: skip
        writer = self.home.spool.begin(header, public_halves(self.home).own)
        noise = np.random.default_rng(1).integers(0, 256, (tiles, 64, 64, 3), np.uint8)
        writer.append(encode_record(TileRecord(0, noise)))
        table = np.array([[0, 0]], np.uint32)
        cause, is_exact = FrameCause.KEYFRAME, True
        frame = FrameRecord(
            time.monotonic_ns(), cause, is_exact, TILE_PX, TILE_PX, table
        )
        writer.append(encode_record(frame))
        writer.commit()
        writer.close()
        self.home.spool.set_state(header.segment, SpoolState.APPROVED)
        return header.segment

    def check_sent(self, *segments: str) -> None:
        """Each of these was admitted once, with a receipt that verifies."""
        rows = self.court.rows()
        for segment in segments:
            entry = self.home.spool.entry(segment)
            assert entry.state is SpoolState.SENT
            assert entry.receipt is not None
            _, digest, _ = rows[segment]
            receipt = verify_receipt(entry.receipt, self.programme, digest=digest)
            assert receipt.subject == segment
        assert not list(self.home.outbox.iterdir())
        assert not self.half_files()
        self.court.check_store()


def finish(process: subprocess.Popen[str], code: int) -> dict[str, Any]:
    """Wait for a command; return its answer or its error as JSON."""
    said, told = process.communicate(timeout=40)
    assert process.returncode == code, (process.returncode, said, told)
    assert "Traceback" not in told
    text = told if code else said.strip().splitlines()[-1]
    body: dict[str, Any] = json.loads(text)
    assert not code or body["exit_code"] == code
    return body


class Screen:
    """An X server, and somebody who works in a window that may be recorded."""

    def __init__(self, *options: str) -> None:
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            [
                *("/usr/bin/Xvfb", "-noreset", "-displayfd", str(writer)),
                *("-screen", "0", "640x420x24", *options),
            ],
            pass_fds=[writer],
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as said:
            self.name = f":{said.readline().strip()}"

    def open_window(self) -> None:
        """Show a window that the programme allows."""
        self._client = display.Display(self.name)
        self._window = self._client.screen().root.create_window(
            *(0, 0, 400, 300, 0, X.CopyFromParent), background_pixel=0x336699
        )
        self._window.set_wm_class("allowed", "Allowed")
        self._window.map()
        self._client.sync()

    def click(self, x_px: int, y_px: int) -> None:
        """Click somewhere."""
        xtest.fake_input(self._client, X.MotionNotify, x=x_px, y=y_px)
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(self._client, kind, 1)
        self._client.sync()

    def paint_noise(self) -> None:
        """Draw what cannot be compressed."""
        pen = self._window.create_gc()
        noise = os.urandom(400 * 60 * 4)
        for y_px in range(0, 300, 60):
            self._window.put_image(pen, 0, y_px, 400, 60, X.ZPixmap, 24, 0, noise)
        pen.free()
        self._client.sync()

    def close(self) -> None:
        """End all."""
        if hasattr(self, "_client"):
            self._client.close()
        self._server.terminate()
        self._server.wait()


class Recording:
    """A running `overt record`."""

    def __init__(self, person: Person, screen: Screen, **env: str) -> None:
        self.person, self.screen = person, screen
        self.control = ControlClient(person.home, screen.name, timeout_s=10)
        self.process = person.start("record", DISPLAY=screen.name, **env)

    def wait_until_alive(self) -> None:
        """Wait until it says that it records, from what it has written."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        _wait(self._records)

    def _records(self) -> bool:
        try:
            return bool(self.control.call("status")["records"])
        except CaptureError:
            raise AssertionError(self.process.communicate(timeout=20)) from None

    def work(self, seconds: float = 1.8) -> None:
        """Click for some time, so that there is something to lose."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.screen.click(int(time.monotonic() * 97) % 300, 50)
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill it where it stands."""
        self.process.kill()
        self.process.communicate()


class Proxy:
    """A line to the vault that can break.

    Attributes:
        fault: `""` passes all on; `cut` breaks the line in the middle of an upload;
            `deaf` breaks it before the answer comes back.
        then: Called when it breaks.
    """

    def __init__(self, court: Court) -> None:
        self._court, self.fault = court, ""
        self.then: Callable[[], object] = lambda: None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            peer, _ = self._listening.accept()
            with peer:
                try:
                    if not peer.recv(1, socket.MSG_PEEK):
                        return  # the word to end
                    self._serve(peer)
                except OSError:
                    continue

    def _serve(self, peer: socket.socket) -> None:
        """Pass one connection on; the client sends one call after another."""
        port = int(self._court.servers.vault.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), 5) as vault:
            vault.settimeout(20)
            while head := _until(peer, b"\r\n\r\n"):
                size = _length(head)
                is_upload = head.startswith(b"PUT ")
                broken = is_upload and self.fault
                vault.sendall(head)
                if broken == "cut":
                    vault.sendall(_exactly(peer, size // 2))
                    self.then()
                    return
                vault.sendall(_exactly(peer, size))
                answer = _until(vault, b"\r\n\r\n")
                answer += _exactly(vault, _length(answer))
                if broken:
                    self.then()
                    return
                peer.sendall(answer)

    def close(self) -> None:
        """End it."""
        socket.create_connection(("127.0.0.1", int(self.url.rsplit(":", 1)[1]))).close()
        self._thread.join(5)
        self._listening.close()


def _until(peer: socket.socket, mark: bytes) -> bytes:
    """Read a head; nothing where the peer hung up."""
    data = b""
    while not data.endswith(mark):
        byte = peer.recv(1)
        if not byte:
            return b""
        data += byte
    return data


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = peer.recv(min(size - len(data), 1 << 16))
        if not chunk:
            raise ConnectionError
        data += chunk
    return bytes(data)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(word) for word in text.split()]


def _wait(ready: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.05)


class SmallDisk:
    """A file system of few bytes, where root may mount one."""

    def __init__(self, folder: Path, size_kib: int) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        self._mount(f"size={size_kib}k")

    def _mount(self, options: str) -> None:
        if os.getuid():
            pytest.skip("no file system can be mounted here")
        done = subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip("no file system can be mounted here")

    def fill(self) -> None:
        """Leave no byte free."""
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()

    def files(self) -> list[Path]:
        """Return every file on it."""
        return [path for path in self.folder.rglob("*") if path.is_file()]

    def free(self) -> None:
        """Make room."""
        (self.folder / "filler").unlink(missing_ok=True)
        self._mount("remount,size=64m")

    def close(self) -> None:
        """Unmount it; a second time does nothing."""
        if self.folder.is_mount():
            subprocess.run(["/bin/umount", "-l", str(self.folder)], check=False)


class Clock:
    """The wall clock of processes that are started with `env`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_CLOCK, "ascii")
        self._file = folder / "offset"
        self.env = {"PYTHONPATH": str(folder), "TEST_CLOCK": str(self._file)}
        self.set(0)

    def set(self, offset_s: int) -> None:
        """Say how far it is off from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(offset_s), "ascii")
        fresh.replace(self._file)


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    """A programme whose vault and broker run."""
    made = Court(tmp_path_factory.mktemp("court") / "run")
    made.found()
    yield made
    made.end()


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    """A screen on which something may be recorded."""
    made = Screen()
    made.open_window()
    yield made
    made.close()


@pytest.fixture
def other_screen() -> Iterator[Callable[..., Screen]]:
    """Start further screens."""
    made: list[Screen] = []

    def start(*options: str) -> Screen:
        made.append(Screen(*options))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def record(screen: Screen) -> Iterator[Callable[..., Recording]]:
    """Start recorders, and leave none behind."""
    made: list[Recording] = []

    def start(person: Person, **env: str) -> Recording:
        made.append(Recording(person, screen, **env))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.kill()


@pytest.fixture
def proxy(court: Court) -> Iterator[Proxy]:
    """A line to the vault that can break."""
    made = Proxy(court)
    yield made
    made.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., SmallDisk]]:
    """Mount small file systems."""
    made: list[SmallDisk] = []

    def mount(size_kib: int, folder: Path | None = None) -> SmallDisk:
        made.append(SmallDisk(folder or tmp_path / "disk", size_kib))
        return made[-1]

    yield mount
    for one in made:
        one.close()


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A wall clock that can jump."""
    return Clock(tmp_path / "clock")


@pytest.fixture
def end_command() -> Callable[[subprocess.Popen[str], int], dict[str, Any]]:
    """Wait for a command and check how it ended."""
    return finish


assert sys.platform == "linux", "these tests read /proc"
