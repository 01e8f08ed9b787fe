"""A programme with its real servers, and people who take part.

Set-up commands run in this process, which is quicker; what a test is about runs as the
process that people start.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from click.testing import CliRunner

from demo import founding
from demo.run import Config, Run
from overt.cli.__main__ import main
from overt.protocol.consent import verify_receipt
from overt.protocol.ids import new_id
from overt.protocol.records import TILE_PX, FrameCause, FrameRecord, TileRecord
from overt.protocol.segment import SegmentHeader, encode_record
from overt.recorder.person.consenting import standing
from overt.recorder.person.enrol import load_enrolment, load_programme
from overt.recorder.person.home import Home
from overt.recorder.person.identity import public_halves
from overt.recorder.spool import SpoolState

if TYPE_CHECKING:
    from collections.abc import Callable

LEASE_S = 6
_PAGES_RULE = 'app = "chromium*"\nurl = "{pages}"\n'


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

    def found(self, *, audited: bool = False) -> None:
        """Make keys and programme, and start the servers, the exposure audit too."""
        founding.make_keys(self)
        toml = founding._TOML + founding._ALLOW.replace(
            _PAGES_RULE, 'app = "Allowed"\n'
        )
        toml = toml.replace("lease_s = 60", f"lease_s = {LEASE_S}")
        for name, roles in founding.MEMBERS:
            about = json.loads(self.key(name).read_text("utf-8"))["about"]
            toml += founding._MEMBER.format(
                name=name, roles=json.dumps(list(roles)), key=about["public"]
            )
        if audited:
            data = self.folder / "server"
            key = self.overt("exposure", "--init", "--data", data)["key"]
            toml += founding._MEMBER.format(
                name="exposure-audit", roles='["exposure"]', key=key
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

    def restart(self) -> None:
        """Start the servers if a test left them dead."""
        process = self.servers._process
        if process is None or process.poll() is not None:
            self.start()

    def end(self) -> None:
        """End the servers in order."""
        self.servers.__exit__(None, None, None)

    def kill(self) -> None:
        """Kill the command that supervises both servers; they go with it."""
        process = self.servers._process
        assert process is not None
        parts = children(process.pid)
        process.kill()
        process.wait()
        wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in parts))

    def kill_vault(self) -> None:
        """Kill the vault server alone; the command that started it ends then."""
        process = self.servers._process
        assert process is not None
        for pid in children(process.pid):
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


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(word) for word in text.split()]


def wait_until(ready: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.05)
