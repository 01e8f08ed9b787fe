"""MiniWoB++ tasks in a real browser on a real display.

Input: a display, the browser's debugging port, the URL of the pages. Output: a goal,
screens of the whole root window as the X server shows them, the raw reward. The
debugging port starts an episode and reads goal and outcome; input goes through XTEST
alone, pixels come from the X server alone.

The page's own score board beside the task is hidden: it shows a running clock and the
reward, which no task needs and an agent must not see.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from Xlib import X, display
from Xlib import error as xerror

from overt.desktop.x11.synth import Synth
from overt.protocol.errors import CaptureError, DataError
from overt.research.evaluate.devtools import Page

if TYPE_CHECKING:
    from overt.protocol.records import Pixels

TASK_WIDTH_PX = 160
TASK_HEIGHT_PX = 210
_BAR_RGB = (255, 255, 0)  # the instruction bar of every task page
_HIDE = """(() => { for (const id of ['reward-display', 'click-canvas']) {
 const e = document.getElementById(id); if (e) e.style.display = 'none'; } })()"""
_START = """core.endEpisode(0); core.EPISODE_MAX_TIME = %d;
 document.activeElement && document.activeElement.blur();
 Math.seedrandom(%s); core.startEpisodeReal(); %s; 1"""
_PAINTED = """new Promise(done => requestAnimationFrame(() =>
 requestAnimationFrame(() => setTimeout(done, 0))))"""
_ORIGIN = """[window.screenX + Math.round((outerWidth - innerWidth) / 2),
 window.screenY + outerHeight - innerHeight]"""
_READY = "document.getElementById('sync-task-cover')"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an episode stands.

    Attributes:
        done: Whether the page has judged it.
        raw_reward: The page's reward without its bonus for speed, -1 to 1.
    """

    done: bool
    raw_reward: float

    @property
    def success(self) -> bool:
        """Whether the task is wholly solved; partial credit counts as failure."""
        return self.done and self.raw_reward >= 1.0


class MiniWob:
    """The benchmark on one display.

    Attributes:
        page: The browser's page, for scripted workers that read where things are.
        synth: Pointer and keyboard of the display.
        origin: Root pixel of the page's upper left corner.
        size: Width and height of the root window.
    """

    def __init__(
        self,
        display_name: str,
        port: int,
        pages_url: str,
        *,
        synth: Synth | None = None,
        time_limit_s: int = 60,
    ) -> None:
        self.page = Page(port)
        self.synth = synth or Synth(display_name)
        self._owns_synth = synth is None
        self._pages_url = pages_url
        self._limit_ms = time_limit_s * 1000
        self._display = _open(display_name)
        screen = self._display.screen()
        self._root = screen.root
        self.size = (screen.width_in_pixels, screen.height_in_pixels)
        self.origin = (0, 0)
        self._task = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of browser and display; both go on."""
        self.page.close()
        self._display.close()
        if self._owns_synth:
            self.synth.close()

    @property
    def rest_px(self) -> tuple[int, int]:
        """A place beside the task where the pointer touches nothing."""
        x, y = self.origin
        return x + TASK_WIDTH_PX + 40, y + TASK_HEIGHT_PX + 40

    def reset(self, task: str, seed: str, *, park: bool = True) -> str:
        """Show a task and return its goal.

        Args:
            task: Name of a MiniWoB++ page, for example `click-button`.
            seed: Seeds the page's random numbers.
            park: Whether to put the pointer beside the task first.

        Raises:
            CaptureError: The page does not load, or is not where it should be.
            DataError: The goal has characters that no person would type.
        """
        if park:
            self.synth.move(*self.rest_px)
        if task != self._task or not self.outcome().done:
            self._open_task(task)
        start = _START % (self._limit_ms, json.dumps(seed), _HIDE)
        self.page.evaluate(start)
        self._wait_ready()
        self.settle()
        goal = str(self.page.evaluate("core.getUtterance()"))
        if not goal.isascii():
            raise DataError(f"The goal of {task} {seed} is not plain ASCII: skip it.")
        return goal

    def settle(self) -> None:
        """Wait until the page has painted what it knows by now."""
        self.page.evaluate(_PAINTED, wait=True)

    def screenshot(self) -> Pixels:
        """Return the root window as uint8 (height, width, 3), RGB."""
        return self._grab(0, 0, *self.size)

    def outcome(self) -> Outcome:
        """Return what the page says of the episode."""
        done, reward = self.page.evaluate("[WOB_DONE_GLOBAL, WOB_RAW_REWARD_GLOBAL]")
        return Outcome(bool(done), float(reward))

    def area(self) -> tuple[int, int, int, int]:
        """Return the task's rectangle in root pixels: x, y, width, height."""
        return (*self.origin, TASK_WIDTH_PX, TASK_HEIGHT_PX)

    def _open_task(self, task: str) -> None:
        self._task = ""
        self.page.navigate(f"{self._pages_url}{task}.html", ready=_READY)
        self._task = task
        self.page.evaluate(f"{_HIDE}; core.cover_div.style.display = 'none'")
        self._find_origin()

    def _find_origin(self) -> None:
        """Find the page on the screen and check it by the instruction bar."""
        x, y = self.page.evaluate(_ORIGIN)
        deadline = time.monotonic() + 5.0
        while time.monotonic() < deadline:
            self.settle()
            if self._bar_at(int(x), int(y)):
                self.origin = (int(x), int(y))
                return
            x, y = self.page.evaluate(_ORIGIN)
        raise CaptureError(
            "The task page is not where the browser says that it is.",
            remedy="Keep the browser's window whole on the screen and uncovered.",
        )

    def _bar_at(self, x: int, y: int) -> bool:
        if not (0 <= x < self.size[0] - 4 and 0 <= y < self.size[1] - 4):
            return False
        patch = self._grab(x, y, 2, 2)
        return bool((patch == np.array(_BAR_RGB, np.uint8)).all())

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + 5.0
        while not self.page.evaluate("WOB_TASK_READY"):
            if time.monotonic() > deadline:
                raise CaptureError(f"The task {self._task} does not get ready.")
            time.sleep(0.02)

    def _grab(self, x: int, y: int, width: int, height: int) -> Pixels:
        image = self._root.get_image(x, y, width, height, X.ZPixmap, 0xFFFFFFFF)
        raw: Any = np.frombuffer(image.data, np.uint8)
        pixels: Pixels = raw.reshape(height, width, 4)[:, :, 2::-1].copy()
        return pixels


def _open(name: str) -> Any:
    """Open a display of 24 bits a pixel."""
    try:
        found = display.Display(name)
    except (xerror.DisplayError, OSError) as error:
        raise CaptureError(f"The X display {name!r} cannot be opened.") from error
    if found.screen().root_depth != 24:
        with suppress(OSError):
            found.close()
        raise CaptureError(
            f"The X display {name!r} does not have 24 bits a pixel.",
            remedy="Start its X server with `-screen 0 640x420x24`.",
        )
    return found
