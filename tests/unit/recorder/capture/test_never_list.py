"""What is never recorded is not, whatever a programme allows; canaries stay away."""

import time
from typing import Any

import numpy as np
import pytest
from Xlib import X

from overt.protocol.records import Level
from overt.recorder.capture.neverlist import WithNeverList

BANK = 0xC0FFEE


class Everything:
    def level_for(self, app: str, url: str | None, title: str) -> Level:
        del app, url, title
        return Level.CLEAR

    def needs_url(self, app: str) -> bool:
        return app == "Chromium"


@pytest.mark.parametrize(
    ("app", "url", "title"),
    [
        ("Chromium", "https://www.paypal.com/home", "Home"),
        ("Chromium", "https://www.verdi.de/mitglied", "Mitglied"),
        ("Chromium", "https://www.doctolib.de/", "Doctolib"),
        ("Chromium", "https://meine.sparkasse-somewhere.example/x", "Start"),
        ("KeePassXC", None, "Passwords"),
    ],
)
def test_a_programme_that_allows_everything_does_not_get(
    app: str, url: str | None, title: str
) -> None:
    allow = WithNeverList(Everything())
    assert allow.level_for(app, url, title) is Level.OFF
    assert allow.level_for("Chromium", "https://intranet.example/a", "A") is Level.CLEAR
    assert allow.needs_url("Chromium")
    assert not allow.needs_url("XTerm")


def test_a_word_in_a_title_takes_no_site_away() -> None:
    allow = WithNeverList(Everything())
    for title in ("Login", "Bank holidays", "Union of two sets"):
        level = allow.level_for("Chromium", "http://127.0.0.1:8/login.html", title)
        assert level is Level.CLEAR


@pytest.mark.parametrize("url", ["https://[", "about:blank", "", "paypal.com"])
def test_what_is_no_url_is_left_to_the_allow_list(url: str) -> None:
    assert WithNeverList(Everything()).level_for("App", url, "t") is Level.CLEAR


@pytest.mark.display
def test_no_key_and_no_pixel_of_a_password_manager(
    bench: Any, painter: Any, replay: Any
) -> None:
    base = painter.window(0, 0, 640, 400)
    vault = painter.window(100, 100, 200, 100, wm_class="keepassxc", colour=BANK)
    painter.focus(vault)
    recorder = bench(Everything())
    for code in (38, 39, 40):
        painter.fake(X.KeyPress, code)
        painter.fake(X.KeyRelease, code)
    painter.fake(X.MotionNotify, 0, 150, 150)
    time.sleep(0.3)
    painter.focus(base)
    painter.fake(X.MotionNotify, 0, 20, 20)
    segments = recorder.stop()
    events = [event for one in segments for event in replay(one).events()]
    assert [(x, y) for _, _, x, y in events] == [(20, 20)]
    colour = np.array([BANK >> 16, BANK >> 8 & 255, BANK & 255], np.uint8)
    shown = [pixels for one in segments for _, pixels in replay(one).frames()]
    assert shown
    assert not any((pixels == colour).all(axis=2).any() for pixels in shown)
    for window in (vault, base):
        window.destroy()
