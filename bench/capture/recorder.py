"""`overt record` as a person runs it, measured from outside.

Input: a run with an enrolled home, a stage. Output: a recorder process and what it
costs; what it recorded, by `overt export` and from the spool.
"""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from bench.capture.costs import cpu_ns, memory_bytes
from demo.run import PASSPHRASE, Run, StageError, wait_until
from overt.protocol.errors import OvertError
from overt.protocol.segment import Segment, read_segment, stored_sizes
from overt.recorder.person.control import ControlClient
from overt.recorder.person.home import Home
from overt.recorder.person.identity import unlock

if TYPE_CHECKING:
    from pathlib import Path

    from bench.capture.stage import Stage


class Recorder:
    """A recorder of one display, from start to stop.

    Attributes:
        start_s: From the start of the process to the first proof of recording.
        stop_s: From the order to stop to the end of the process.
    """

    def __init__(self, run: Run, person: int, stage: Stage) -> None:
        self._run, self._stage = run, stage
        self._folder = run.home(person)
        self.home = Home(self._folder)
        self._control = ControlClient(self.home, stage.desk.display)
        self._process: subprocess.Popen[bytes] | None = None
        self.start_s = self.stop_s = 0.0

    def __enter__(self) -> Self:
        env = self._run.env() | self._stage.desk.env
        env |= {
            "OVERT_HOME": str(self._folder),
            "OVERT_PASSPHRASE_FILE": str(self._run.passphrase_file),
        }
        began_s = time.monotonic()
        with (self._run.folder / "recorder.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._run.command("record"), env=env, stdout=log, stderr=log
            )
        try:
            wait_until("Recording", self._records, 120)
        except BaseException:
            self._process.terminate()
            raise
        self.start_s = time.monotonic() - began_s
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is None:
            return
        began_s = time.monotonic()
        with suppress(OvertError):
            self._control.call("stop")
        try:
            code = self._process.wait(30)
        finally:
            self._process.kill()
        self.stop_s = time.monotonic() - began_s
        if code:
            raise StageError(f"`overt record` ended with {code}; see recorder.log.")

    def cpu_ns(self) -> int:
        """Time on a CPU so far, the indicator included."""
        return cpu_ns(self._pid)

    def memory_bytes(self) -> int:
        """Proportional memory, the indicator included."""
        return memory_bytes(self._pid)

    def pause(self) -> None:
        """Pause until resumed."""
        self._control.call("pause")

    @property
    def _pid(self) -> int:
        if self._process is None or self._process.poll() is not None:
            raise StageError("`overt record` is not running; see recorder.log.")
        return self._process.pid

    def _records(self) -> bool:
        with suppress(OvertError):
            return bool(self._control.call("status")["records"]) and self._pid > 0
        return self._pid < 0


def exported(run: Run, person: int, folder: Path) -> list[dict[str, Any]]:
    """The events that `overt export` gives back, in its order."""
    run.overt("export", folder, OVERT_HOME=str(run.home(person)))
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def recorded(home: Home) -> list[tuple[int, dict[str, int], Segment]]:
    """Each segment of a spool: its size on disk, its sizes by kind, itself."""
    own = unlock(home, PASSPHRASE).own
    found = []
    for entry in home.spool.entries():
        opened = home.spool.read(entry.segment, own)
        segment = read_segment(opened, recover=True)
        found.append((entry.size_bytes, stored_sizes(opened), segment))
    return found


def clear(home: Home) -> None:
    """Forget all that was recorded, so that the next measurement stands alone."""
    for entry in home.spool.entries():
        home.spool.forget(entry.segment)
