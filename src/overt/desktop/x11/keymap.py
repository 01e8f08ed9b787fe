"""From key codes to keysyms, and from keysyms to names.

Stage: desktop, X11. Input: a display, a key code and the modifier state of its event.
Output: the keysym that the layout gives (groups, shift, locks, AltGr) and its name.
Never sees events; composes no dead keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from Xlib import XK

from overt.desktop.keyboard.keysyms import UNICODE, text
from overt.desktop.x11.xkb import begin, read

if TYPE_CHECKING:
    from Xlib.display import Display

_GROUP_SHIFT, _GROUP_MASK = 13, 0x3  # XKB's group: bits 13 and 14 of the state
_MODIFIERS: Final = 0xFF  # the eight real ones


class Keymap:
    """The layout of a display's keyboard, as it was when last refreshed."""

    def __init__(self, display: Display) -> None:
        """Read the layout of a display.

        Raises:
            CaptureError: The server has no XKB.
        """
        self._display = display
        self._pressed: dict[int, int] = {}
        self._opcode = begin(display)
        self.refresh()

    def refresh(self) -> None:
        """Read the layout anew; to be called whenever the connection has an event."""
        self._layout = read(self._display, self._opcode)

    def keysym(self, keycode: int, state: int) -> int:
        """Return the keysym of a key under a modifier state; 0 where it has none.

        Args:
            keycode: X key code.
            state: X modifier mask as in the key's event, XKB's group included.
        """
        group = (state >> _GROUP_SHIFT) & _GROUP_MASK
        return self._layout.keysym(keycode, group, state & _MODIFIERS)

    def press(self, keycode: int, state: int) -> int:
        """Return the keysym of a key press and hold it for the release."""
        keysym = self._pressed[keycode] = self.keysym(keycode, state)
        return keysym

    def release(self, keycode: int, state: int) -> int:
        """Return the keysym that the key had when pressed.

        A shift released first would else give press and release two keysyms.
        """
        return self._pressed.pop(keycode, None) or self.keysym(keycode, state)


def name(keysym: int) -> str:
    """Return X's name of a keysym: `a`, `Return`, `Left`, `U20B9`; never empty."""
    if keysym >= UNICODE:
        return f"U{keysym - UNICODE:04X}"
    known = _NAMES.get(keysym)
    if known is None and text(keysym):
        return f"U{ord(text(keysym)):04X}"
    return known or f"0x{keysym:x}"


def _names() -> dict[int, str]:
    """X's names by keysym; of several the one that python-xlib lists first."""
    for group in ("xkb", "latin2", "latin3", "latin4", "greek", "cyrillic", "xf86"):
        XK.load_keysym_group(group)
    names: dict[int, str] = {}
    for name_, value in vars(XK).items():
        if name_.startswith(("XK_", "XF86_")) and isinstance(value, int):
            names.setdefault(value, name_.removeprefix("XK_"))
    return names


_NAMES: Final = _names()
