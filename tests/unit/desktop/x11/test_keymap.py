"""Key codes become the keysyms that libX11 gives for the same layout."""

from __future__ import annotations

import ctypes
import subprocess

import pytest
from Xlib import XK, display

from overt.desktop.keyboard.keysyms import text
from overt.desktop.x11.keymap import Keymap, name

SHIFT, LOCK, NUM, LEVEL3 = 0x01, 0x02, 0x10, 0x80
KEYS = (*range(9, 66), *range(79, 92), 94, 104, 110, 113, 119)


def lay_out(number: str, layout: str) -> None:
    subprocess.run(
        ["/usr/bin/setxkbmap", "-display", number, "-layout", layout],
        check=True,
        stderr=subprocess.DEVNULL,
    )


class LibX11:
    """What a C client would see."""

    def __init__(self, name: str) -> None:
        self._lib = ctypes.CDLL("libX11.so.6")
        self._lib.XOpenDisplay.restype = ctypes.c_void_p
        self._lib.XOpenDisplay.argtypes = [ctypes.c_char_p]
        self._display = ctypes.c_void_p(self._lib.XOpenDisplay(name.encode()))

    def keysym(self, keycode: int, state: int) -> int:
        rest, found = ctypes.c_uint(), ctypes.c_ulong()
        self._lib.XkbLookupKeySym(
            self._display, keycode, state, ctypes.byref(rest), ctypes.byref(found)
        )
        return int(found.value)

    def close(self) -> None:
        self._lib.XCloseDisplay(self._display)


@pytest.mark.display
@pytest.mark.parametrize(
    "layout", ["us", "de", "gr", "us,ru", "fr", "de,us", "us,ru,gr,il"]
)
def test_same_keysyms_as_libx11(x_server: str, layout: str) -> None:
    lay_out(x_server, layout)
    client, other = display.Display(x_server), LibX11(x_server)
    keymap = Keymap(client)
    wrong = [
        (code, hex(state), name(keymap.keysym(code, state)), name(expected))
        for code in KEYS
        for group in range(len(layout.split(",")))
        for mods in (0, SHIFT, LOCK, SHIFT | LOCK, NUM, NUM | SHIFT, LEVEL3)
        for state in (mods | group << 13,)
        for expected in (other.keysym(code, state),)
        if keymap.keysym(code, state) != expected
    ]
    other.close()
    client.close()
    assert wrong == []


@pytest.mark.display
def test_refresh_and_release(x_server: str) -> None:
    lay_out(x_server, "us")
    client = display.Display(x_server)
    keymap = Keymap(client)
    code = client.keysym_to_keycode(XK.XK_y)
    assert keymap.press(code, SHIFT) == XK.XK_Y
    assert keymap.release(code, 0) == XK.XK_Y  # shift was let go first
    assert keymap.release(code, 0) == XK.XK_y
    assert keymap.keysym(3, 0) == 0
    lay_out(x_server, "de")
    keymap.refresh()
    assert keymap.keysym(code, 0) == XK.XK_z
    client.close()


@pytest.mark.parametrize(
    ("keysym", "typed", "called"),
    [
        (0x61, "a", "a"),
        (0xE9, "é", "eacute"),
        (0x20, " ", "space"),
        (0x20AC, "€", "U20AC"),
        (0x1EA, "ę", "eogonek"),
        (0x6C1, "а", "Cyrillic_a"),  # noqa: RUF001 - the Cyrillic letter
        (0x7E1, "α", "Greek_alpha"),  # noqa: RUF001 - the Greek letter
        (0x6A3, "ё", "Cyrillic_io"),
        (0x7B1, "ά", "Greek_alphaaccent"),
        (0x7D2, "Σ", "Greek_SIGMA"),
        (0x10020B9, "₹", "U20B9"),
        (0xFFB5, "5", "KP_5"),
        (0xFF0D, "", "Return"),
        (0xFF09, "", "Tab"),
        (0xFF08, "", "BackSpace"),
        (0xFF51, "", "Left"),
        (0xFFBE, "", "F1"),
        (0xFE20, "", "ISO_Left_Tab"),
        (0xFFE1, "", "Shift_L"),
    ],
)
def test_text_and_name(keysym: int, typed: str, called: str) -> None:
    assert (text(keysym), name(keysym)) == (typed, called)
