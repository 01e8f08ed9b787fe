"""X keysyms as key names and modifiers.

Input: a keysym with the level already applied, a modifier mask. Output: its X name,
with the modifiers. It knows no layout and no display.

Sources: X Window System Protocol, appendix A (keysym encoding); keysymdef.h (names).
"""

from __future__ import annotations

from overt.desktop.keyboard.keysyms import text

BACKSPACE = 0xFF08
SHIFT, CONTROL, MOD1, MOD4 = 1, 4, 8, 64  # modifier bits of an event's state

_NAMES = {
    BACKSPACE: "BackSpace",
    0xFF09: "Tab",
    0xFE20: "Tab",  # ISO_Left_Tab: Tab with shift
    0xFF0D: "Return",
    0xFF8D: "Return",  # KP_Enter
    0xFF1B: "Escape",
    0xFFFF: "Delete",
    0xFF9F: "Delete",  # KP_Delete
    0xFF50: "Home",
    0xFF51: "Left",
    0xFF52: "Up",
    0xFF53: "Right",
    0xFF54: "Down",
    0xFF55: "Prior",
    0xFF56: "Next",
    0xFF57: "End",
    0xFF63: "Insert",
    0xFF61: "Print",
    0xFF67: "Menu",
    **{0xFFBE + number: f"F{number + 1}" for number in range(24)},
    **dict(
        zip(
            range(0xFF95, 0xFF9E),
            "Home Left Up Right Down Prior Next End Begin".split(),  # noqa: SIM905
            strict=True,
        )
    ),
}
_PUNCTUATION = dict(
    zip(
        " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
        "space exclam quotedbl numbersign dollar percent ampersand apostrophe "  # noqa: SIM905
        "parenleft parenright asterisk plus comma minus period slash colon semicolon "
        "less equal greater question at bracketleft backslash bracketright "
        "asciicircum underscore grave braceleft bar braceright asciitilde".split(),
        strict=True,
    )
)


def combo_of(keysym: int, state: int) -> str:
    """Return a key with its modifiers: `ctrl+a`, `shift+Tab`, `Return`.

    Args:
        keysym: The key, level applied.
        state: X modifier mask before the event.
    """
    held = [
        name
        for name, bit in (
            ("ctrl", CONTROL),
            ("alt", MOD1),
            ("shift", SHIFT),
            ("super", MOD4),
        )
        if state & bit
    ]
    return "+".join([*held, name_of(keysym)])


def name_of(keysym: int) -> str:
    """Return the X name of a keysym; letters are lower case, as shift is named."""
    if keysym in _NAMES:
        return _NAMES[keysym]
    typed = text(keysym)
    if typed in _PUNCTUATION:
        return _PUNCTUATION[typed]
    if typed.isascii() and typed:
        return typed.lower()
    return f"U{ord(typed):04X}" if typed else f"0x{keysym:x}"
