"""A thread that writes, so that the loop that captures never waits for the disk.

Stage: between capture and the spool. Input: jobs (write, commit, close). Output: the
same jobs done in order, one at a time; a failure is raised at the next call. A disk
that cannot keep up ends the recording instead of filling the memory.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from overt.protocol.errors import CaptureError, OvertError

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WAITING = 256  # jobs, some 100 s of recording


class Courier:
    """Does jobs in their order, elsewhere."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
        self._thread.start()

    def post(self, job: Callable[[], object]) -> None:
        """Take a job.

        Raises:
            OvertError: An earlier job failed; told once.
            CaptureError: The disk does not keep up.
        """
        self._jobs.put(job)
        self._tell()
        if self._jobs.qsize() > _MOST_WAITING:
            raise CaptureError(
                "The disk does not keep up with the recording.",
                remedy="Free the disk; what was committed is kept.",
            )

    def finish(self, last: Callable[[], object]) -> None:
        """Do one last job after all others, and end.

        Raises:
            OvertError: A job failed.
        """
        self._jobs.put(last)
        self._jobs.put(None)
        self._thread.join()
        self._tell()

    def _tell(self) -> None:
        failure, self._failure = self._failure, None
        if isinstance(failure, OvertError):
            raise failure
        if failure is not None:
            raise CaptureError("The recording could not be written.") from failure

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as failure:  # noqa: BLE001 - raised at the next call
                self._failure = self._failure or failure
