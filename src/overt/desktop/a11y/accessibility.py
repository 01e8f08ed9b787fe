"""The accessibility of a desktop, as the recorder asks for it.

Stage: platform adapter. Input: a session bus, process ids, points in root pixels.
Output: focus changes, the element at a point, the URL of a document, the tree of the
active window. One thread uses one object. An application that does not answer within
200 ms gives "not known", never an exception. Never reads what was typed.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from overt.desktop.a11y.applications import Applications
from overt.desktop.a11y.bus import ACCESSIBLE, CALL_S, AccessibilityBus, Request, get
from overt.desktop.a11y.embedded import (
    Embedded,
    documents_around,
    embedding_of,
    find_embedded,
    url_of,
)
from overt.desktop.a11y.focus import PASSWORD_ROLE, UNKNOWN, Focus, FocusChange
from overt.desktop.a11y.states import FOCUSED, is_shown, state_bits, state_names
from overt.desktop.a11y.tree import (
    BUDGET_S,
    COMPONENT,
    Node,
    TreeReader,
    find_document,
    find_focused,
)
from overt.desktop.types import Rect
from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from overt.desktop.a11y.bus import Signal
    from overt.desktop.a11y.focus import Ref

_EVENTS = (
    ("org.a11y.atspi.Event.Object", "StateChanged", "object:state-changed:focused"),
    ("org.a11y.atspi.Event.Window", "Activate", "window:activate"),
    ("org.a11y.atspi.Event.Document", "LoadComplete", "document:load-complete"),
)
_SCREEN = 0
_HOPS = 40
_PASSWORD_NUMBER = 40  # ATSPI_ROLE_PASSWORD_TEXT


_LABELLED = frozenset(
    {
        *("push button", "toggle button", "link", "page tab", "check box"),
        *("radio button", "menu item", "list item", "combo box"),
    }
)


class Accessibility:
    """What applications say of themselves.

    Args:
        session_bus: D-Bus address of the session bus; by default the one of the
            environment (DBUS_SESSION_BUS_ADDRESS).

    Attributes:
        is_late: Whether the last tree was not read to its end for want of time.

    Raises:
        CaptureError: The session has no accessibility bus.
    """

    def __init__(self, session_bus: str | None = None) -> None:
        address = session_bus or os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
        if not address:
            raise CaptureError(
                "No session bus is known, so the roles of fields cannot be.",
                remedy="Set DBUS_SESSION_BUS_ADDRESS, or start from the desktop.",
            )
        self._bus = AccessibilityBus(address)
        for interface, member, event in _EVENTS:
            self._bus.subscribe(interface, member, event)
        self._applications = Applications(self._bus)
        self._focused: dict[str, Ref] = {}  # by bus name
        self._documents: dict[int, Ref] = {}  # by process id
        self._changes: list[FocusChange] = []
        self._page_changed = False
        self._secrets: set[Ref] = set()  # fields that are or were passwords
        self._secrets_changed = False
        self.is_late = False
        self._holders: dict[Ref, str] = {}  # URL of the embedded document around

    def close(self) -> None:
        """Close the connection."""
        self._bus.close()

    def fileno(self) -> int:
        """Return a descriptor that is readable when an application says something."""
        return self._bus.fileno()

    def focus_changes(self) -> list[FocusChange]:
        """Return the focus changes since the last call, in order; does not wait.

        Raises:
            OSError: The connection is gone.
        """
        self._take_in()
        changes, self._changes = self._changes, []
        return changes

    def page_changed(self) -> bool:
        """Whether a page was loaded or a window activated since the last call."""
        changed, self._page_changed = self._page_changed, False
        return changed

    def secrets_changed(self) -> bool:
        """Whether another password field was met since the last call."""
        changed, self._secrets_changed = self._secrets_changed, False
        return changed

    def secret_places(self) -> dict[Ref, Rect] | None:
        """Return where the fields are that are or were passwords, in root pixels.

        Returns:
            Rectangles of those that are shown; None where an application did not
            answer in time.
        """
        refs = sorted(self._secrets)
        asked = [
            request
            for ref in refs
            for request in (
                Request(ref, ACCESSIBLE, "GetState"),
                Request(ref, COMPONENT, "GetExtents", "u", (_SCREEN,)),
            )
        ]
        start_s = time.monotonic()
        replies = self._bus.call_all(asked, CALL_S)
        if None in replies and time.monotonic() - start_s >= CALL_S:
            return None
        places: dict[Ref, Rect] = {}
        for ref, states, extents in zip(refs, replies[::2], replies[1::2], strict=True):
            if states is None or extents is None:
                self._secrets.discard(ref)  # its page is gone
            elif is_shown(state_bits(states)):
                places[ref] = Rect(*extents)
        return places

    def _meet(self, refs: Iterable[Ref]) -> None:
        met = set(refs) - self._secrets
        self._secrets |= met
        self._secrets_changed |= bool(met)

    def _field(self, ref: Ref, role: str) -> Focus:
        """The focus on a field; a password is remembered."""
        embedding = self._embedding(ref) if role else None
        if embedding is None:
            return UNKNOWN
        focus = self._applications.focus_on(ref, role, embedding)
        if focus.is_password:
            self._meet([ref])
        return focus

    def _embedding(self, ref: Ref) -> str | None:
        """URL of the embedded document around an object; None where not known."""
        if ref not in self._holders:
            embedding = embedding_of(self._bus, ref)
            if embedding is None:
                return None
            self._holders[ref] = embedding
        return self._holders[ref]

    def embedded(self, pid: int) -> dict[Ref, Embedded] | None:
        """Return the documents that the page of a process embeds and shows.

        Returns:
            None where the process did not tell in time; empty where its page is not
            known (`document_url`).
        """
        page = self._documents.get(pid)
        return find_embedded(self._bus, page) if page else {}

    def focused(self, pid: int) -> Focus | None:
        """Ask an application what has its focus.

        Returns:
            The field; UNKNOWN where the process has no accessible focus; None where
            it did not answer in time.
        """
        start_s = time.monotonic()
        root = self._applications.root(pid)
        if root is None:
            return UNKNOWN
        focus = self._still_focused(root[0])
        if focus is not None:
            return focus
        window = self._applications.active_window(pid)
        if window is None:
            return None
        ref = find_focused(self._bus, window, CALL_S)
        if ref is None:
            return UNKNOWN if time.monotonic() - start_s < CALL_S else None
        self._focused[ref[0]] = ref
        return self._still_focused(ref[0])

    def element_at(
        self, pid: int, x_px: int, y_px: int, within: Collection[Ref] | None = None
    ) -> dict[str, Any] | None:
        """Return the element of a process at a point of the screen.

        Args:
            pid: Process that shows the window.
            x_px: Column of the root window.
            y_px: Row of the root window.
            within: The embedded documents whose elements are wanted; None for all.

        Returns:
            {role, name, bounds [x, y, width, height], states}; None where not known.
        """
        element = self._applications.active_window(pid)
        if element is None:
            return None
        for _ in range(_HOPS):
            inner = self._inner(element, x_px, y_px)
            if inner is None or inner == element:
                break
            element = inner
        if within is not None:
            around = documents_around(self._bus, element)
            if around is None or (around[1:] and around[0] not in within):
                return None
        return self._described(self._holder(element))

    def document_url(self, pid: int) -> str | None:
        """Return the URL of the document in a process's active window."""
        known = self._documents.get(pid)
        url = url_of(self._bus, known) if known else None
        if url is None:
            self._documents.pop(pid, None)
            window = self._applications.active_window(pid)
            document = find_document(self._bus, window, CALL_S) if window else None
            if document is not None:
                self._documents[pid] = document
                url = url_of(self._bus, document)
        return url

    def tree(
        self,
        pid: int,
        budget_s: float = BUDGET_S,
        within: Collection[Ref] | None = None,
    ) -> tuple[list[Node], bool]:
        """Return what the active window of a process shows, and if it was cut short.

        Args:
            pid: The process.
            budget_s: Seconds that reading may take.
            within: The embedded documents to read as well; None for all.

        Returns:
            Nodes `[role, name, x, y, width, height, states]` in root pixels, at most
            300; and whether something was left out.
        """
        window = self._applications.active_window(pid)
        self.is_late = window is None
        if window is None:
            return [], True
        reader = TreeReader(self._bus, budget_s=budget_s)
        document = self._documents.get(pid)
        if document is not None:
            reader.read(document, within=within)
        if document is None or not self._fills(document, window):
            inside = None if document is None else within
            reader.read(window, without=document, within=inside)
        self._meet(reader.secrets)
        self.is_late = reader.is_late
        return reader.nodes, reader.truncated

    def _fills(self, document: Ref, window: Ref) -> bool:
        """Whether a document is all that a window shows (a kiosk, full screen)."""
        asked = [
            Request(ref, COMPONENT, "GetExtents", "u", (_SCREEN,))
            for ref in (document, window)
        ]
        inner, outer = self._bus.call_all(asked, CALL_S)
        return inner is not None and inner == outer

    def _take_in(self) -> None:
        """Turn the signals that came into focus changes."""
        self._bus.read_signals()
        while self._bus.signals:
            self._note(self._bus.signals.popleft())
            self._bus.read_signals()  # a reply may have brought more along

    def _note(self, signal: Signal) -> None:
        if signal.member != "StateChanged":
            self._page_changed |= signal.member in {"Activate", "LoadComplete"}
            if signal.member in {"Activate", "LoadComplete"}:
                self._documents.clear()
                self._holders.clear()
            return
        if tuple(signal.body[:2]) != ("focused", 1):
            return
        ref = (signal.sender, signal.path)
        self._focused[signal.sender] = ref
        named, number = self._bus.call_all(_role_requests(ref), CALL_S)
        focus = self._field(ref, _role(named, number))
        self._changes.append(FocusChange(signal.t_ns, focus))

    def _still_focused(self, name: str) -> Focus | None:
        """Return the field last known to have the focus if it says it has it."""
        ref = self._focused.get(name)
        if ref is None:
            return None
        asked = [Request(ref, ACCESSIBLE, "GetState"), *_role_requests(ref)]
        states, named, number = self._bus.call_all(asked, CALL_S)
        if named is None or number is None or not state_bits(states) & FOCUSED:
            return None
        return self._field(ref, _role(named, number))

    def _inner(self, element: Ref, x_px: int, y_px: int) -> Ref | None:
        asked = (x_px, y_px, _SCREEN)
        request = Request(element, COMPONENT, "GetAccessibleAtPoint", "iiu", asked)
        inner = self._bus.call(request)
        if inner is None or str(inner[1]).endswith("/null"):
            return None
        return str(inner[0]), str(inner[1])

    def _holder(self, ref: Ref) -> Ref:
        """Return the control that a run of text labels; else the element itself.

        Browsers answer now with a button, now with the text inside it.
        """
        if self._bus.call(Request(ref, ACCESSIBLE, "GetRoleName")) != "static":
            return ref
        parent = self._bus.call(get(ref, ACCESSIBLE, "Parent"))
        if parent is None:
            return ref
        holder = str(parent[1][0]), str(parent[1][1])
        role = self._bus.call(Request(holder, ACCESSIBLE, "GetRoleName"))
        return holder if role in _LABELLED else ref

    def _described(self, ref: Ref) -> dict[str, Any] | None:
        asked = [
            Request(ref, ACCESSIBLE, "GetRoleName"),
            get(ref, ACCESSIBLE, "Name"),
            Request(ref, COMPONENT, "GetExtents", "u", (_SCREEN,)),
            Request(ref, ACCESSIBLE, "GetState"),
        ]
        role, name, extents, states = self._bus.call_all(asked, CALL_S)
        if role is None or extents is None:
            return None
        return {
            "role": str(role),
            "name": str(name[1]) if name else "",
            "bounds": list(extents),
            "states": state_names(state_bits(states)),
        }


def _role_requests(ref: Ref) -> list[Request]:
    return [Request(ref, ACCESSIBLE, each) for each in ("GetRoleName", "GetRole")]


def _role(named: Any, number: Any) -> str:
    """The role of an object; empty where it did not tell both its name and number.

    Qt calls a password field `text` and tells what it is by the number alone.
    """
    if named is None or number is None:
        return ""
    return PASSWORD_ROLE if number == _PASSWORD_NUMBER else str(named)
