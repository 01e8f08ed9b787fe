"""The desk that is recorded: Chromium on the left, a GTK editor on the right.

Input: the level that the programme has for its page and its window, the screen's size.
Output: `Stage`, with the two areas to work in. Everything runs on a display of its own
and reaches nothing but loopback.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Self

from demo.run import wait_until
from overt.desktop.types import Rect
from overt.desktop.x11.windows import WindowWatcher
from overt.desktop.x11.wire import connect
from overt.research.evaluate.desk import Browser, Desk
from overt.research.evaluate.desk.processes import end, program, start

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

ALLOW = """
[[allow]]
app = "chromium*"
url = "{pages}clear"
level = "clear"

[[allow]]
app = "chromium*"
url = "{pages}masked"
level = "masked"

[[allow]]
app = "zenity"
title = "clear notes"
level = "clear"

[[allow]]
app = "zenity"
title = "masked notes"
level = "masked"
"""
_WORDS = (
    "The quick brown fox jumps over the lazy dog while forty-two small boats leave the"
    " harbour at half past seven, each with a crew of three and a lamp at the mast."
)
_MARGIN_PX = 40


def write_pages(folder: Path) -> None:
    """Write the page that is read and typed into, once for each level."""
    rows = "".join(
        f"<h3>Entry {number}</h3><p>{_WORDS}</p>"
        f"<p><a href='#'>Open {number}</a> <button>Keep</button></p>"
        for number in range(60)
    )
    page = (
        "<!doctype html><title>Notes</title>"
        "<body style='font:16px sans-serif;margin:16px'>"
        "<textarea style='position:fixed;top:45%;left:25%;width:50%;height:12%'>"
        f"</textarea>{rows}"
    )
    for level in ("clear", "masked"):
        (folder / level).mkdir(parents=True, exist_ok=True)
        (folder / level / "page.html").write_text(page, encoding="utf-8")


class Stage:
    """A desk with two windows, while the context lasts.

    Attributes:
        desk: The desktop.
        left: What the browser's page covers, in root pixels.
        right: What the editor covers.
    """

    def __init__(self, pages_url: str, level: str, size: tuple[int, int]) -> None:
        self._pages_url, self._level, self.size = pages_url, level, size
        self.desk = Desk(size, human=False)
        half, height = size[0] // 2, size[1]
        self.left = Rect(0, _MARGIN_PX, half, height - 2 * _MARGIN_PX)
        self.right = Rect(half, _MARGIN_PX, half, height - 2 * _MARGIN_PX)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            desk = opened.enter_context(self.desk)
            url = f"{self._pages_url}{self._level}/page.html"
            size = (self.left.width, self.left.height)
            desk.browser = Browser(url, desk.env, desk.folder, size, kiosk=False)
            opened.callback(end, self._editor())
            wait_until("Both windows", self._arranged, 60)
            time.sleep(2)  # what windows paint when they are new
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._opened.close()

    def _editor(self) -> subprocess.Popen[bytes]:
        file = self.desk.folder / "notes.txt"
        file.write_text(f"{_WORDS}\n" * 30, encoding="utf-8")
        zenity = program("zenity", "zenity")
        return start(
            [
                *(zenity, "--text-info", "--editable", f"--filename={file}"),
                *(f"--title={self._level} notes", f"--width={self.right.width - 20}"),
                f"--height={self.right.height - 60}",
            ],
            self.desk.env,
        )

    def _arranged(self) -> bool:
        """Put both windows in their places; whether both are there."""
        with closing(WindowWatcher(self.desk.display)) as watcher:
            found = {w.app_class.lower(): w.window_id for w in watcher.stack().windows}
        places = {"chromium": self.left, "zenity": self.right}
        if not places.keys() <= found.keys():
            return False
        display = connect(self.desk.display)
        with closing(display):
            for name, place in places.items():
                window = display.create_resource_object("window", found[name])
                window.configure(
                    x=place.x,
                    y=place.y - _MARGIN_PX // 2,
                    width=place.width - 8,
                    height=place.height,
                )
            display.sync()
        return True
