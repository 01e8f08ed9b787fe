"""Which application a process is on the accessibility bus, and its active window.

Stage: look-ups that the accessibility adapter caches. Input: process ids, bus names.
Output: references. Never reads names or texts of objects.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from overt.desktop.a11y.bus import ACCESSIBLE, AccessibilityBus, Request, get
from overt.desktop.a11y.focus import Focus, focus_of
from overt.desktop.a11y.states import ACTIVE, is_shown, state_bits

if TYPE_CHECKING:
    from overt.desktop.a11y.focus import Ref

_ROOT: Ref = ("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root")
_APPLICATION = "org.a11y.atspi.Application"
_LOOK_AGAIN_S = 1.0


class Applications:
    """The applications on an accessibility bus."""

    def __init__(self, bus: AccessibilityBus) -> None:
        self._bus = bus
        self._roots: dict[int, Ref] = {}  # by process id
        self._toolkits: dict[str, tuple[str, str]] = {}  # by bus name
        self._looked_s = 0.0

    def root(self, pid: int) -> Ref | None:
        """Return the root object of a process; None where it has none."""
        now_s = time.monotonic()
        if pid not in self._roots and now_s - self._looked_s > _LOOK_AGAIN_S:
            self._looked_s = now_s
            children = self._bus.call(Request(_ROOT, ACCESSIBLE, "GetChildren")) or []
            refs = [(str(name), str(path)) for name, path in children]
            self._roots = {self._bus.pid_of(ref[0]): ref for ref in refs}
        return self._roots.get(pid)

    def active_window(self, pid: int) -> Ref | None:
        """Return the active window of a process, else one that is shown."""
        root = self.root(pid)
        children = root and self._bus.call(Request(root, ACCESSIBLE, "GetChildren"))
        if not children:
            if root is not None and not self._bus.pid_of(root[0]):
                self._roots.pop(pid)
            return None
        windows: list[Ref] = [(str(name), str(path)) for name, path in children]
        asked = [Request(window, ACCESSIBLE, "GetState") for window in windows]
        states = [state_bits(words) for words in self._bus.call_all(asked, 0.2)]
        active = [w for w, bits in zip(windows, states, strict=True) if bits & ACTIVE]
        shown = [w for w, bits in zip(windows, states, strict=True) if is_shown(bits)]
        return next(iter([*active, *shown]), None)

    def focus_on(self, ref: Ref, role: str, embedded: str) -> Focus:
        """Return the focus on an object, with the trust that its toolkit earns.

        Args:
            ref: The object.
            role: Its role.
            embedded: URL of the embedded document that holds it, if one does.
        """
        toolkit, version = self._toolkit(ref[0])
        return replace(focus_of(ref, role, toolkit, version), embedded=embedded)

    def _toolkit(self, name: str) -> tuple[str, str]:
        known = self._toolkits.get(name)
        if known is not None:
            return known
        root = (name, _ROOT[1])
        asked = [get(root, _APPLICATION, item) for item in ("ToolkitName", "Version")]
        replies = self._bus.call_all(asked, 0.2)
        if None in replies:
            return "", ""
        self._toolkits[name] = str(replies[0][1]), str(replies[1][1])
        return self._toolkits[name]
