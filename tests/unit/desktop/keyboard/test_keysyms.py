"""Keysyms type what libxkbcommon says they type.

`python tests/unit/desktop/keyboard/test_keysyms.py` writes the table of the keysyms
from before Unicode anew, by libxkbcommon.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from overt.desktop.keyboard.keysyms import changes_others, text

TABLE = Path("src/overt/desktop/keyboard/keysyms.txt")
HEAD = """\
# Keysyms from before Unicode (hexadecimal) and what they type, by libxkbcommon.
# Made by tests/unit/desktop/keyboard/test_keysyms.py.
"""
BEFORE_UNICODE = range(0x100, 0x2100)
UNICODE = (*range(0x01000100, 0x01002100), 0x0101F600)
ASIDE = (*range(0x20, 0x100), *range(0xFE00, 0xFF00), *range(0xFF80, 0x10000))


def library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libxkbcommon.so.0")
    except OSError:
        pytest.skip("this machine lacks libxkbcommon")


def typed(lib: ctypes.CDLL, keysym: int) -> str:
    """What a keysym types for libxkbcommon; control characters are keys that act."""
    buffer = ctypes.create_string_buffer(16)
    size = lib.xkb_keysym_to_utf8(keysym, buffer, len(buffer))
    said = buffer.value.decode() if size > 0 else ""
    return said if said.isprintable() or ord(said) >= 0xA0 else ""


def test_every_keysym_types_what_libxkbcommon_says() -> None:
    lib = library()
    keysyms = (*ASIDE, *BEFORE_UNICODE, *UNICODE)
    assert [hex(one) for one in keysyms if text(one) != typed(lib, one)] == []


@pytest.mark.parametrize("keysym", [0x01000085, 0x0100D800, 0x01110000, 0])
def test_what_is_no_character_types_none(keysym: int) -> None:
    assert not text(keysym)


@pytest.mark.parametrize(
    ("keysym", "expected"),
    [(0xFFE1, True), (0xFE03, True), (0xFF7F, True), (0x61, False), (0xFE51, False)],
)
def test_keys_that_change_others(keysym: int, expected: bool) -> None:  # noqa: FBT001
    assert changes_others(keysym) is expected


if __name__ == "__main__":
    lib = library()
    lines = [f"{one:x}\t{typed(lib, one)}" for one in BEFORE_UNICODE if typed(lib, one)]
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
