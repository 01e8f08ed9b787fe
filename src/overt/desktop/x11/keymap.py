"""From key codes to keysyms, and from keysyms to names.

Stage: desktop, X11. Input: the server's keyboard mapping, a key code and the modifier
state of its event. Output: the keysym that the layout gives (groups, shift, locks,
AltGr) and what it stands for. Never sees events; composes no dead keys.

Sources: X Window System Protocol, section 5 (Keyboards); the XKB protocol, section
12.2 (core mapping of XKB groups), for where levels 3 and 4 lie in the core mapping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from Xlib import XK

from overt.desktop.keyboard.keysyms import KEYPAD, UNICODE, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from Xlib.display import Display

    Rows = Sequence[Sequence[int]]

_SHIFT, _LOCK = 0x01, 0x02
_GROUP_SHIFT, _GROUP_MASK = 13, 0x3  # XKB's group: bits 13 and 14 of the state
_NUM_LOCK, _MODE_SWITCH, _LEVEL3_SHIFT = 0xFF7F, 0xFF7E, 0xFE03
_NO_SYMBOL: Final = 0


class Keymap:
    """The layout of a display's keyboard, as it was when last refreshed."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._pressed: dict[int, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the mapping anew; to be called on every MappingNotify."""
        info = self._display.display.info
        self._first = int(info.min_keycode)
        count = int(info.max_keycode) - self._first + 1
        self._rows: Rows = self._display.get_keyboard_mapping(self._first, count)
        self._wide = _first_group_width(self._rows)
        masks = _masks_of(self._rows, self._first, self._display.get_modifier_mapping())
        self._num_lock = masks.get(_NUM_LOCK, 0)
        self._level3 = masks.get(_LEVEL3_SHIFT, 0)
        # Where one modifier does both, as in XKB's own layouts, it selects level 3.
        self._mode_switch = masks.get(_MODE_SWITCH, 0) & ~self._level3

    def keysym(self, keycode: int, state: int) -> int:
        """Return the keysym of a key under a modifier state; 0 where it has none.

        Args:
            keycode: X key code.
            state: X modifier mask as in the key's event, XKB's group included.
        """
        group = (state >> _GROUP_SHIFT) & _GROUP_MASK
        if self._mode_switch and state & self._mode_switch:
            group = 1
        base, shifted = self._pair(keycode, group, level3=bool(state & self._level3))
        upper = bool(state & _SHIFT)
        if shifted in KEYPAD:  # shift only takes num lock back
            return shifted if state & self._num_lock and not upper else base
        if state & _LOCK and _is_letter(base, shifted):
            upper = not upper
        return shifted if upper else base

    def press(self, keycode: int, state: int) -> int:
        """Return the keysym of a key press and hold it for the release."""
        keysym = self._pressed[keycode] = self.keysym(keycode, state)
        return keysym

    def release(self, keycode: int, state: int) -> int:
        """Return the keysym that the key had when pressed.

        A shift released first would else give press and release two keysyms.
        """
        return self._pressed.pop(keycode, None) or self.keysym(keycode, state)

    def _pair(self, keycode: int, group: int, *, level3: bool) -> tuple[int, int]:
        """Return what the key gives without and with shift."""
        if not self._first <= keycode < self._first + len(self._rows):
            return _NO_SYMBOL, _NO_SYMBOL
        row = self._rows[keycode - self._first]
        column = 2 * (group % 2)
        pair = _two(row, column)
        if level3:
            high = _two(row, self._wide + 2 if column else 4)
            pair = high if any(high) else pair
        elif not any(pair):
            pair = _two(row, 0)
        return pair if pair[1] else _cased(pair[0])


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


def _masks_of(
    rows: Rows, first: int, modifiers: Sequence[Sequence[int]]
) -> dict[int, int]:
    """Return the modifier mask of each keysym that is on a modifier key."""
    masks: dict[int, int] = {}
    for number, keycodes in enumerate(modifiers):
        for keycode in keycodes:
            for keysym in rows[keycode - first] if keycode >= first else ():
                masks[keysym] = masks.get(keysym, 0) | 1 << number
    return masks


def _first_group_width(rows: Rows) -> int:
    """How many columns of the core mapping belong to the first XKB group.

    The server lays out levels 1 and 2 of both groups, then the other levels of the
    first group, then those of the second; it does not tell how many each has.
    """
    columns = max((len(row) for row in rows), default=0)
    return columns - 2 if columns <= 7 else columns // 2


def _two(row: Sequence[int], column: int) -> tuple[int, int]:
    padded = [*row, 0, 0]
    return (padded[column], padded[column + 1]) if column < len(row) else (0, 0)


def _is_letter(base: int, shifted: int) -> bool:
    """Whether caps lock shifts the key: its two levels are one letter's cases."""
    low, high = text(base), text(shifted)
    return bool(low) and low != high and low.upper() == high


def _cased(keysym: int) -> tuple[int, int]:
    """Fill the shifted level of a key that lists its letter alone (core protocol)."""
    upper = text(keysym).upper()
    if len(upper) != 1 or upper == text(keysym):
        return keysym, keysym
    point = ord(upper)
    return keysym, point if point < 0x100 else UNICODE | point
