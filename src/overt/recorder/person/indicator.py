"""The recorder's half of the indicator: starts it, tells it, and sees that it is there.

Input: badges, made from what was committed last. Output: a process (`badgewindow`) that
shows them on every monitor; what was clicked or pressed; and the reason to stop when a
badge is not really on the screen. There is no way to record without it.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict

from overt.desktop.types import Rect
from overt.protocol.errors import CaptureError
from overt.recorder.person.badge import Badge
from overt.recorder.person.eyes import Eyes, indicator_seen

__all__ = ["Indicator", "indicator_seen"]
UNSEEN_S = 2.0  # for so long may a badge be missing before recording stops
_LOOK_S = 0.8
_LOOK_AGAIN_S = 0.4  # once a look missed a badge
_START_S = 60.0  # a machine under load takes its time; nothing is recorded before
_CHILD = "overt.recorder.person.badgewindow"


class Indicator:
    """Starts, tells and watches the indicator.

    Attributes:
        rect: Where it is on the first monitor, in root pixels, once it is up.
    """

    def __init__(self, display: str) -> None:
        """Start the process; `wait_until_up` before anything is recorded.

        Raises:
            CaptureError: The display cannot be opened.
        """
        self._eyes = Eyes(display)
        self._process = subprocess.Popen(
            [sys.executable, "-m", _CHILD, display],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._badges: tuple[Badge, ...] = (Badge("grey", "Not recording: starting"),)
        self._told_s = self._looked_s = 0.0
        self._missed_s: float | None = None  # since when every look missed a badge
        self._pending, self._said = b"", Counter[bytes]()
        self.rect = Rect(0, 0, 0, 0)

    def wait_until_up(self) -> None:
        """Return when its windows are up.

        Raises:
            CaptureError: They do not come up; the process is ended.
        """
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            self._read(0.1)
            if self._said[b"up"] and (spots := self._eyes.places()):
                self.rect = spots[0]
                self.show(self._badges[0])
                return
        self.close()
        raise CaptureError(
            "The indicator does not come up, so nothing is recorded.",
            remedy="Run: overt doctor",
        )

    def show(self, badge: Badge) -> None:
        """Tell the indicator what to say; the same again counts as a sign of life."""
        now_s = time.monotonic()
        if badge != self._badges[-1]:
            self._badges = (self._badges[-1], badge)
        elif now_s - self._told_s < 1.0:
            return
        self._told_s = now_s
        line = json.dumps(asdict(badge)).encode() + b"\n"
        if self._process.stdin is not None:
            try:
                self._process.stdin.write(line)
            except OSError:
                self._missed_s = -UNSEEN_S  # dead: `problem` says so at once

    def clicked(self) -> bool:
        """Whether somebody clicked the indicator since the last question."""
        return self._was_said(b"click")

    def chorded(self) -> bool:
        """Whether somebody pressed the chord since the last question."""
        return self._was_said(b"chord")

    @property
    def has_chord(self) -> bool:
        """Whether the chord is the indicator's, not another program's."""
        return not self._said[b"chord-taken"]

    def problem(self) -> str:
        """Look at the screen and say why recording must stop; empty if it may go on.

        The screen is looked at every 0.8 s, and every 0.4 s once a look missed a
        badge. Time counts from the first look that missed it, so that a recorder that
        was held up looks again first.
        """
        now_s = time.monotonic()
        if self._process.poll() is not None:
            return "The indicator has ended."
        wait_s = _LOOK_S if self._missed_s is None else _LOOK_AGAIN_S
        if now_s - self._looked_s >= wait_s:
            self._looked_s = now_s
            if self._eyes.sees(self._badges):
                self._missed_s = None
            elif self._missed_s is None:
                self._missed_s = now_s
        if self._missed_s is not None and now_s - self._missed_s >= UNSEEN_S:
            return "The indicator cannot be seen."
        return ""

    def close(self) -> None:
        """End the indicator."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._eyes.close()

    def _was_said(self, word: bytes) -> bool:
        self._read(0)
        return self._said.pop(word, 0) > 0

    def _read(self, wait_s: float) -> None:
        """Take the whole lines that the process has written."""
        out = self._process.stdout
        if out is None or not select.select([out], [], [], wait_s)[0]:
            return
        self._pending += os.read(out.fileno(), 4096)
        *lines, self._pending = self._pending.split(b"\n")
        self._said.update(lines)
