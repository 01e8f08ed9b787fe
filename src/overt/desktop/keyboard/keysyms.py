"""Keysyms as text.

Input: a keysym, the level of the layout already applied. Output: the character that it
types. Knows no layout and no display.

Sources: X Window System Protocol, appendix A (keysym encoding); keysymdef.h.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final
from unicodedata import category

KEYPAD: Final = range(0xFF80, 0xFFBE)
UNICODE: Final = 0x01000000
_KEYPAD_TEXT: Final = {0xFF80: " ", 0xFFBD: "="} | {
    0xFFAA + n: sign for n, sign in enumerate("*+,-./0123456789")
}


def text(keysym: int) -> str:
    """Return the character that a keysym types; empty for one that types none."""
    if 0x20 <= keysym <= 0x7E or 0xA0 <= keysym <= 0xFF:
        return chr(keysym)
    if UNICODE + 0x20 <= keysym <= UNICODE + 0x10FFFF:
        typed = chr(keysym - UNICODE)
        return "" if category(typed) in {"Cc", "Cs"} else typed
    if keysym in KEYPAD:
        return _KEYPAD_TEXT.get(keysym, "")
    return _from_before_unicode().get(keysym, "") if keysym < 0x2100 else ""


def changes_others(keysym: int) -> bool:
    """Whether a key only changes what other keys mean (Shift, Control, AltGr...)."""
    return (
        0xFFE1 <= keysym <= 0xFFEE
        or 0xFE01 <= keysym <= 0xFE13
        or keysym in {0, 0xFF7E, 0xFF7F}
    )


@cache
def _from_before_unicode() -> dict[int, str]:
    """Keysyms whose number is not their character's, by the package's table."""
    table = (files(__package__) / "keysyms.txt").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line[:1] != "#")
    return {int(keysym, 16): typed for keysym, typed in rows}
