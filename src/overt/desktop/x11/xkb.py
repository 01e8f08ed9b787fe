"""The keyboard's layout as the server's XKB extension has it: types, groups, levels.

Stage: desktop, X11. Input: a connection of python-xlib. Output: the keysym of a key
code under a modifier state, for all four groups and every level. Never sees events;
composes no dead keys.

Source: The X Keyboard Extension: Protocol Specification, sections 12 (keyboard map) and
16.3.4, 16.3.8 (encoding of SelectEvents and GetMap).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from Xlib.protocol import rq

from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from Xlib.display import Display

_NAME: Final = "XKEYBOARD"
_CORE_KEYBOARD: Final = 0x100
_TYPES, _SYMBOLS = 0x1, 0x2
_NEW_KEYBOARD, _MAP = 0x1, 0x2  # kinds of events
_CLAMP, _REDIRECT = 0x40, 0x80  # what a key does with a group that it lacks
_NO_SYMBOL: Final = 0
_HEAD_BYTES: Final = 32  # of the reply, behind the eight bytes that every reply has


@dataclass(frozen=True, slots=True)
class _Type:
    """Which modifiers select which level of a key."""

    mask: int
    levels: dict[int, int]


@dataclass(frozen=True, slots=True)
class _Key:
    """One key: a type for each group, and keysyms of all groups in rows of `width`."""

    types: bytes
    groups: int
    width: int
    keysyms: tuple[int, ...]


class Layout:
    """A keyboard's layout at one moment."""

    def __init__(self, reply: bytes) -> None:
        """Read a reply to GetMap with types and symbols, less its first eight bytes."""
        count, first, size = reply[7], reply[9], reply[12]
        place = _HEAD_BYTES
        self._types: list[_Type] = []
        for _ in range(count):
            made, place = _type(reply, place)
            self._types.append(made)
        self._keys: dict[int, _Key] = {}
        for keycode in range(first, first + size):
            self._keys[keycode], place = _key(reply, place)

    def keysym(self, keycode: int, group: int, modifiers: int) -> int:
        """Return what a key gives; 0 where it gives nothing.

        Args:
            keycode: X key code.
            group: The keyboard's effective group, from 0.
            modifiers: The eight real modifiers.
        """
        key = self._keys.get(keycode)
        if key is None or not key.groups & 0xF:
            return _NO_SYMBOL
        group = _within(group, key.groups)
        kind = self._types[key.types[group]]
        level = kind.levels.get(modifiers & kind.mask, 0)
        place = group * key.width + level
        return key.keysyms[place] if level < key.width else _NO_SYMBOL


def begin(display: Display) -> int:
    """Start XKB on a connection, so that it hears of every change of the layout.

    Returns:
        The extension's major opcode.

    Raises:
        CaptureError: The server has no XKB.
    """
    found = display.query_extension(_NAME)
    if not found:
        raise CaptureError(
            f"The display {display.get_display_name()} lacks the extension {_NAME}.",
            remedy="Use an X.Org server (or Xvfb) with this extension enabled.",
        )
    _UseExtension(display=display.display, opcode=found.major_opcode)
    _SelectEvents(display=display.display, opcode=found.major_opcode)
    return int(found.major_opcode)


def read(display: Display, opcode: int) -> Layout:
    """Read the layout; `opcode` is what `begin` returned."""
    return Layout(bytes(_GetMap(display=display.display, opcode=opcode).rest))


def _type(reply: bytes, place: int) -> tuple[_Type, int]:
    """Read a KEYTYPE; return it and the place behind it."""
    mask, entries, preserves = reply[place], reply[place + 5], reply[place + 6]
    place += 8
    levels = {}
    for _ in range(entries):
        active, mods, level = reply[place : place + 3]
        if active:
            levels[mods] = level
        place += 8
    return _Type(mask, levels), place + (4 * entries if preserves else 0)


def _key(reply: bytes, place: int) -> tuple[_Key, int]:
    """Read a KEYSYMMAP; return it and the place behind it."""
    groups, width, count = struct.unpack_from("=BBH", reply, place + 4)
    keysyms = struct.unpack_from(f"={count}I", reply, place + 8)
    key = _Key(reply[place : place + 4], groups, width, keysyms)
    return key, place + 8 + 4 * count


def _within(group: int, info: int) -> int:
    """Return the group that a key uses for the keyboard's; `info`: its group info."""
    count = info & 0xF
    if group < count:
        return group
    if info & 0xC0 == _CLAMP:
        return count - 1
    if info & 0xC0 == _REDIRECT:
        to = info >> 4 & 0x3
        return to if to < count else 0
    return group % count


class _UseExtension(rq.ReplyRequest):  # type: ignore[misc]
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(0),
        rq.RequestLength(),
        rq.Set("major", 2, [1], 1),
        rq.Pad(2),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Bool("supported"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Binary("rest"),
    )


class _SelectEvents(rq.Request):  # type: ignore[misc]
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(1),
        rq.RequestLength(),
        rq.Set("device", 2, [_CORE_KEYBOARD], _CORE_KEYBOARD),
        rq.Set("affect", 2, [_NEW_KEYBOARD | _MAP], _NEW_KEYBOARD | _MAP),
        rq.Pad(2),  # clears none
        rq.Set("all", 2, [_NEW_KEYBOARD | _MAP], _NEW_KEYBOARD | _MAP),
        rq.Set("affect_map", 2, [0xFF], 0xFF),
        rq.Set("map", 2, [0xFF], 0xFF),
    )


class _GetMap(rq.ReplyRequest):  # type: ignore[misc]
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(8),
        rq.RequestLength(),
        rq.Set("device", 2, [_CORE_KEYBOARD], _CORE_KEYBOARD),
        rq.Set("full", 2, [_TYPES | _SYMBOLS], _TYPES | _SYMBOLS),
        rq.Pad(20),  # no part by itself
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("device"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Binary("rest"),
    )
