"""Reading of interface words while the screen is at rest, beside the recording.

Stage: capture, level `words`. Input: a lexicon with parts of the screen that wait to be
read. Output: what it then knows, used when the area changes next. A thread of the
lowest priority, so that recording never waits for an OCR. What fails reveals nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from overt.protocol.records import Pixels
    from overt.recorder.capture.screenlog import Cover

_REST_S = 1.0  # without a question, then the screen counts as at rest
_LOWEST = 19


class Lexicon(Protocol):
    """What is known of parts of the screen."""

    @property
    def looks(self) -> int:
        """How often it was asked."""
        ...

    def work(self) -> bool:
        """Read one part that waits; return whether there was one."""
        ...


class IdleReader:
    """Begins covers that ask a lexicon, and reads for it while nothing is asked."""

    def __init__(
        self,
        lexicon: Lexicon,
        begin: Callable[[Pixels], Cover],
        rest_s: float = _REST_S,
    ) -> None:
        """Start nothing yet.

        Args:
            lexicon: Knows words.
            begin: Begins the cover of an area that asks the lexicon.
            rest_s: For how long nothing has to be asked, seconds.
        """
        self._lexicon, self._begin, self._rest_s = lexicon, begin, rest_s
        self._thread: threading.Thread | None = None

    def __call__(self, pixels: Pixels) -> Cover:
        """Begin the cover of an area; the first one starts the reading."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        return self._begin(pixels)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)
        with contextlib.suppress(Exception):  # an OCR that fails reveals nothing more
            while True:
                asked = self._lexicon.looks
                time.sleep(self._rest_s)
                while self._lexicon.looks == asked and self._lexicon.work():
                    pass
