"""The windows of an X11 desktop: which, where, in which order, whose.

Input: an X display. Output: `Stack`, by QueryTree over the root's viewable children
(menus and tooltips included), with the window manager's frames mapped to the
applications' own windows by _NET_CLIENT_LIST or WM_STATE. Answers are cached until the
server reports a change. It never decides what may be recorded and stores nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from Xlib import X

from overt.desktop.types import Rect, Stack, Window
from overt.desktop.x11.wire import REPLY, RefusedError, Wire

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUERY_TREE, _ATTRIBUTES, _GEOMETRY, _PROPERTY = 15, 3, 14, 20
_INPUT_FOCUS, _POINTER, _CHANGE_ATTRIBUTES = 43, 38, 2
_VIEWABLE, _INPUT_OUTPUT = 2, 1
_PROPERTY_WORDS = 4096  # of a title, or of a list of windows
_TRIES = 3
_DEPTH = 12  # levels that a client may lie below its frame
_PROPERTIES = (
    "WM_CLASS",
    "_NET_WM_NAME",
    "WM_NAME",
    "_NET_WM_PID",
    "WM_TRANSIENT_FOR",
)
_ROOT_PROPERTIES = (
    "_NET_CLIENT_LIST",
    "_NET_CLIENT_LIST_STACKING",
    "_NET_ACTIVE_WINDOW",
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A viewable child of the root."""

    window: int
    rect: Rect
    overrides: bool  # not managed by a window manager


class WindowWatcher:
    """One X connection that knows the windows and notices their changes."""

    def __init__(self, name: str | None) -> None:
        """Connect to a display (`None`: $DISPLAY) and listen for changes.

        Raises:
            CaptureError: The display cannot be opened.
        """
        self._wire = Wire(name)
        names = (*_PROPERTIES, *_ROOT_PROPERTIES, "WM_STATE")
        self._atoms = {each: self._wire.atom(each) for each in names}
        self._telling = frozenset(self._atoms.values())
        self._stack: Stack | None = None
        self._changes = self._focus_changes = self._focus_known = 0
        self._facts: dict[int, Window] = {}
        self._watched: set[int] = set()
        root = self._wire.root
        masks = X.StructureNotifyMask | X.SubstructureNotifyMask | X.PropertyChangeMask
        self._listen(root, masks)

    def fileno(self) -> int:
        """The connection, for a selector."""
        return self._wire.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def changed(self) -> bool:
        """Whether anything changed since the last `stack`, without waiting.

        Raises:
            CaptureError: The server is gone.
        """
        self._notice(self._wire.drain())
        return self._stack is None or self._focus_known != self._focus_changes

    def stack(self) -> Stack:
        """All windows on the screen now.

        Raises:
            CaptureError: The server is gone or silent.
        """
        self._replies([(_INPUT_FOCUS, 0, b"")])  # all changes so far have come
        for _ in range(_TRIES):  # windows may change while they are asked for
            known = self._stack
            if known is not None and self._focus_known == self._focus_changes:
                return known
            changes, focus_changes = self._changes, self._focus_changes
            found = self._look() if known is None else self._refocused(known)
            self._replies([(_INPUT_FOCUS, 0, b"")])
            self._focus_known = focus_changes
            if changes == self._changes:
                self._stack = found
        return found

    def _refocused(self, stack: Stack) -> Stack:
        """The same windows; the keyboard may have gone to another."""
        return replace(stack, active_id=self._active(stack.windows))

    def _notice(self, packets: list[bytes]) -> None:
        for packet in packets:
            kind = packet[0] & 0x7F
            if kind in {0, REPLY, X.CreateNotify}:
                continue
            if kind in {X.FocusIn, X.FocusOut}:
                self._focus_changes += 1
                continue
            if kind == X.ConfigureNotify and packet[4:8] == packet[8:12]:
                width, height = struct.unpack_from("=HH", packet, 20)
                self._wire.root_rect = Rect(0, 0, width, height)
            if kind == X.PropertyNotify:
                window, atom = struct.unpack_from("=II", packet, 4)
                if atom not in self._telling:  # as the time of the last key
                    continue
                self._facts.pop(window, None)
            elif kind in {X.DestroyNotify, X.ReparentNotify}:
                window = struct.unpack_from("=I", packet, 8)[0]
                self._facts.pop(window, None)
                self._watched.discard(window)
            self._changes += 1
            self._stack = None

    def _look(self) -> Stack:
        places = self._places()
        owners = self._owners([place for place in places if not place.overrides])
        clients = [owners.get(place.window, place.window) for place in places]
        self._learn(clients)
        windows = tuple(
            _placed(self._facts.get(client), client, place)
            for client, place in zip(clients, places, strict=True)
        )
        return Stack(windows, self._active(windows), self._wire.root_rect)

    def _places(self) -> list[_Place]:
        children = self._children(self._wire.root)
        asked = [(_ATTRIBUTES, 0, _word(each)) for each in children]
        asked += [(_GEOMETRY, 0, _word(each)) for each in children]
        replies = self._replies(asked)
        pairs = zip(replies[: len(children)], replies[len(children) :], strict=True)
        places = []
        for window, (attributes, geometry) in zip(children, pairs, strict=True):
            if attributes and geometry and _is_shown(attributes):
                places.append(_Place(window, _outer(geometry), bool(attributes[27])))
        return places

    def _children(self, window: int) -> list[int]:
        (reply,) = self._replies([(_QUERY_TREE, 0, _word(window))])
        return _words(reply[32:]) if reply else []

    def _owners(self, frames: list[_Place]) -> dict[int, int]:
        """Frame id -> id of the client inside, where they differ."""
        ids = {frame.window for frame in frames}
        listed = _words(self._root_property("_NET_CLIENT_LIST"))
        above = {client: client for client in listed if client not in ids}
        owners: dict[int, int] = {}
        for _ in range(_DEPTH):
            above = self._parents(above)
            owners |= {up: client for client, up in above.items() if up in ids}
            above = {client: up for client, up in above.items() if up not in ids}
            if not above:
                break
        for frame in ids - owners.keys() - set(listed):
            inside = self._with_state([frame, *self._children(frame)])
            owners[frame] = inside[0] if inside else frame
        return owners

    def _parents(self, above: dict[int, int]) -> dict[int, int]:
        replies = self._replies([(_QUERY_TREE, 0, _word(w)) for w in above.values()])
        parents = {}
        for client, reply in zip(above, replies, strict=True):
            parent = struct.unpack_from("=I", reply, 12)[0] if reply else 0
            if parent not in {0, self._wire.root}:
                parents[client] = parent
        return parents

    def _with_state(self, windows: list[int]) -> list[int]:
        state = self._atoms["WM_STATE"]
        replies = self._replies([_property(window, state) for window in windows])
        found = zip(windows, replies, strict=True)
        return [window for window, reply in found if reply and _value(reply)]

    def _learn(self, clients: list[int]) -> None:
        """Read class, title, process and owner of windows not yet known."""
        unknown = [each for each in clients if each not in self._facts]
        for client in unknown:
            if client not in self._watched:
                self._listen(client, X.PropertyChangeMask | X.FocusChangeMask)
                self._watched.add(client)
        atoms = [self._atoms[each] for each in _PROPERTIES]
        asked = [_property(client, atom) for client in unknown for atom in atoms]
        values = [_value(reply) if reply else b"" for reply in self._replies(asked)]
        for place, client in enumerate(unknown):
            own = values[place * len(atoms) : (place + 1) * len(atoms)]
            self._facts[client] = _facts(client, own)

    def _active(self, windows: tuple[Window, ...]) -> int:
        """The window that the server sends keys to, whatever a manager states."""
        (reply,) = self._replies([(_INPUT_FOCUS, 0, b"")])
        focus = struct.unpack_from("=I", reply, 8)[0] if reply else 0
        if focus == X.PointerRoot:
            (reply,) = self._replies([(_POINTER, 0, _word(self._wire.root))])
            focus = struct.unpack_from("=I", reply, 12)[0] if reply else 0
        return self._top_level(focus, windows)

    def _top_level(self, window: int, windows: tuple[Window, ...]) -> int:
        owners = {each.frame_id: each.window_id for each in windows}
        owners |= {each.window_id: each.window_id for each in windows}
        above = {window: window} if window > X.PointerRoot else {}
        for _ in range(_DEPTH):
            found = next((owners[up] for up in above.values() if up in owners), 0)
            if found or not above:
                return found
            above = self._parents(above)
        return 0

    def _root_property(self, name: str) -> bytes:
        (reply,) = self._replies([_property(self._wire.root, self._atoms[name])])
        return _value(reply) if reply else b""

    def _listen(self, window: int, masks: int) -> None:
        body = struct.pack("=III", window, X.CWEventMask, masks)
        self._wire.send(_CHANGE_ATTRIBUTES, 0, body)

    def _replies(self, requests: Iterable[tuple[int, int, bytes]]) -> list[bytes]:
        replies, before = self._ask(requests)
        self._notice(before)
        return replies

    def _ask(
        self, requests: Iterable[tuple[int, int, bytes]]
    ) -> tuple[list[bytes], list[bytes]]:
        """Replies (empty where the window is gone) and events, all sent at once."""
        serials = [self._wire.send(*request) for request in requests]
        replies: list[bytes] = []
        before: list[bytes] = []
        for serial in serials:
            try:
                answer = self._wire.answer(serial)
            except RefusedError:
                replies.append(b"")
            else:
                replies.append(answer.reply)
                before += answer.before
        return replies, before


def _placed(facts: Window | None, client: int, place: _Place) -> Window:
    known = facts or Window(client, client, place.rect)
    return Window(
        client,
        place.window,
        place.rect,
        known.app_class,
        known.title,
        known.pid,
        known.transient_for,
        not place.overrides,
    )


def _facts(client: int, values: list[bytes]) -> Window:
    names, title, plain_title, pid, owner = values
    return Window(
        client,
        client,
        Rect(0, 0, 0, 0),
        app_class=names.split(b"\0")[1].decode("latin-1") if b"\0" in names else "",
        title=title.decode("utf-8", "replace") or plain_title.decode("latin-1"),
        pid=_first(pid),
        transient_for=_first(owner),
    )


def _is_shown(attributes: bytes) -> bool:
    kind = struct.unpack_from("=H", attributes, 12)[0]
    return attributes[26] == _VIEWABLE and kind == _INPUT_OUTPUT


def _outer(geometry: bytes) -> Rect:
    x, y, width, height, border = struct.unpack_from("=hhHHH", geometry, 12)
    return Rect(x, y, width + 2 * border, height + 2 * border)


def _property(window: int, atom: int) -> tuple[int, int, bytes]:
    return _PROPERTY, 0, struct.pack("=IIIII", window, atom, 0, 0, _PROPERTY_WORDS)


def _value(reply: bytes) -> bytes:
    count = struct.unpack_from("=I", reply, 16)[0]
    return reply[32 : 32 + count * reply[1] // 8]


def _word(window: int) -> bytes:
    return struct.pack("=I", window)


def _words(value: bytes) -> list[int]:
    return list(struct.unpack(f"={len(value) // 4}I", value[: len(value) // 4 * 4]))


def _first(value: bytes) -> int:
    words = _words(value)
    return words[0] if words else 0
