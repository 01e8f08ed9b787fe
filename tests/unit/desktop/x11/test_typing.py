"""What is typed on a real server, by its layout, becomes the text that was meant."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest
from Xlib import X

from overt.desktop.keyboard.compose import Composer
from overt.desktop.x11.keymap import Keymap
from overt.desktop.x11.recordlane import RecordLane

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.display
SHIFT, ALTGR, RIGHT_CTRL, CAPS = 50, 108, 105, 66
# key codes of a keyboard of 105 keys, by what they are on a US layout
CODE = dict(zip("qwertyuiop", range(24, 34), strict=True)) | dict(
    zip("asdfghjkl;'", range(38, 49), strict=True)
)
CODE |= dict(zip("zxcvbnm", range(52, 59), strict=True)) | {"[": 34, "-": 20, "=": 21}
CODE |= {"1": 10, "2": 11, "3": 12}


class Hand:
    """Types on one display and reads what the record lane saw."""

    def __init__(self, name: str, painter: Any) -> None:
        self._name, self._painter = name, painter
        self._lane, self._composer = RecordLane(name), Composer()
        self.keymap = Keymap(painter.display)

    def lay_out(self, layout: str, option: str = "") -> None:
        base, _, variant = layout.rstrip(")").partition("(")
        command = ["/usr/bin/setxkbmap", "-display", self._name, "-option", ""]
        command += ["-layout", base, "-variant", variant]
        subprocess.run(
            [*command, *(["-option", option] if option else [])],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        self.keymap.refresh()

    def strike(self, code: int, *held: int) -> None:
        for one in (*held, code):
            self._painter.fake(X.KeyPress, one)
        for one in (code, *reversed(held)):
            self._painter.fake(X.KeyRelease, one)

    def read(self) -> str:
        """Return what was committed since the last call."""
        said = ""
        for event in self._lane.drain():
            if event["type"] == X.KeyPress:
                keysym = self.keymap.press(int(event["detail"]), int(event["state"]))
                said += self._composer.press(keysym) or ""
        return said

    def close(self) -> None:
        self._lane.close()


@pytest.fixture
def hand(x_server: str, painter: Any) -> Iterator[Hand]:
    made = Hand(x_server, painter)
    yield made
    made.lay_out("us")
    made.close()


def test_dead_keys(hand: Hand) -> None:
    hand.lay_out("us(intl)")
    hand.strike(CODE["'"])
    hand.strike(CODE["e"])
    hand.strike(CODE["'"])
    hand.strike(CODE["e"], SHIFT)
    assert hand.read() == "éÉ"
    hand.lay_out("fr")
    hand.strike(CODE["["])
    hand.strike(CODE["o"])
    assert hand.read() == "ô"


def test_compose(hand: Hand) -> None:
    hand.lay_out("us", "compose:ralt")
    for code in (ALTGR, CODE["1"], CODE["2"]):
        hand.strike(code)
    hand.strike(ALTGR)
    hand.strike(CODE["'"])
    hand.strike(CODE["e"], SHIFT)
    assert hand.read() == "½É"


def test_altgr_selects_the_third_and_fourth_level(hand: Hand) -> None:
    hand.lay_out("de")
    hand.strike(CODE["q"], ALTGR)
    hand.strike(CODE["e"], ALTGR)
    hand.strike(CODE["y"])
    hand.strike(CODE["s"], ALTGR, SHIFT)
    assert hand.read() == "@€zẞ"


@pytest.mark.parametrize(
    ("layout", "text"), [("ru", "фыв"), ("gr", "ασδ"), ("il", "שדג"), ("ua", "фів")]
)
def test_layouts_of_other_scripts(hand: Hand, layout: str, text: str) -> None:
    hand.lay_out(layout)
    for key in "asd":
        hand.strike(CODE[key])
    assert hand.read() == text


def test_a_group_switched_midway_through_a_word(hand: Hand) -> None:
    hand.lay_out("us,gr", "grp:rctrl_toggle")
    hand.strike(CODE["a"])
    hand.strike(RIGHT_CTRL)
    hand.strike(CODE["a"])
    hand.strike(CODE["a"], SHIFT)
    hand.strike(RIGHT_CTRL)
    hand.strike(CODE["a"])
    assert hand.read() == "a\u03b1\u0391a"


def test_a_layout_changed_midway_through_a_word(hand: Hand) -> None:
    hand.lay_out("us")
    hand.strike(CODE["y"])
    said = hand.read()
    hand.lay_out("de")
    hand.strike(CODE["y"])
    assert said + hand.read() == "yz"


def test_a_key_that_is_held_repeats(hand: Hand, painter: Any) -> None:
    hand.lay_out("us")
    painter.fake(X.KeyPress, CODE["a"])
    said, until = hand.read(), time.monotonic() + 5
    while len(said) < 3 and time.monotonic() < until:
        time.sleep(0.05)
        said += hand.read()
    painter.fake(X.KeyRelease, CODE["a"])
    assert len(said) >= 3
    assert set(said) == {"a"}


def test_every_layout_of_four(hand: Hand) -> None:
    hand.lay_out("us,ru,gr,il", "grp:rctrl_toggle")
    for _ in range(4):
        hand.strike(CODE["a"])
        hand.strike(RIGHT_CTRL)
    assert hand.read() == "a\u0444\u03b1\u05e9"


def test_caps_lock_shifts_letters_alone(hand: Hand) -> None:
    hand.lay_out("de")
    hand.strike(CAPS)
    for key in ("a", ";", "1"):
        hand.strike(CODE[key])
    hand.strike(CAPS)
    assert hand.read() == "A\u00d61"
