"""What a window shows, level by level, within a budget of time and nodes.

Stage: reading of the accessibility tree. Input: a window's reference. Output: nodes
`[role, name, x, y, width, height, states]` in root pixels, those of a level before
those below; with a text of several words a node of role `word` for each. It asks for
a whole level at once and then reads the replies. Never reads an editable text: what a
person typed, or a password's dots.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from overt.desktop.a11y.bus import ACCESSIBLE, AccessibilityBus, Request, get
from overt.desktop.a11y.focus import PASSWORD_ROLE
from overt.desktop.a11y.states import (
    EDITABLE,
    FOCUSED,
    is_shown,
    state_bits,
    state_names,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from overt.desktop.a11y.focus import Ref

Node = list[Any]  # [role, name, x, y, width, height, states]
Extents = tuple[int, int, int, int]  # x, y, width, height in root pixels

BUDGET_S = 0.05
MAX_NODES = 300
DOCUMENT_ROLE = "document web"
COMPONENT = "org.a11y.atspi.Component"
_TEXT = "org.a11y.atspi.Text"
_SCREEN = 0  # AT-SPI's coordinate type for root pixels
_TEXT_ROLES = frozenset({"static", "label", "text", "link", "heading", "paragraph"})
_LEVELS = 60
_WORD = re.compile(r"\S+")


class TreeReader:
    """Reads one tree; of no use afterwards.

    Attributes:
        nodes: What has been read.
        truncated: Whether something was left out.
        is_late: Whether that was for want of time: more time would tell more.
        secrets: Password fields among them.
    """

    def __init__(
        self,
        bus: AccessibilityBus,
        *,
        budget_s: float = BUDGET_S,
        max_nodes: int = MAX_NODES,
    ) -> None:
        self._bus = bus
        self._within: Collection[Ref] | None = None
        self._until_s = time.monotonic() + budget_s
        self._max_nodes = max_nodes
        self._frame: Extents | None = None
        self._texts: list[tuple[Ref, str]] = []
        self.nodes: list[Node] = []
        self.truncated = self.is_late = False
        self.secrets: list[Ref] = []

    def read(
        self,
        top: Ref,
        *,
        without: Ref | None = None,
        within: Collection[Ref] | None = None,
    ) -> None:
        """Add what is shown of an object, from the top down, then its words.

        Args:
            top: A window or a document.
            without: An object to leave out with all that is below it.
            within: The web documents below the top to read as well; None for all.
        """
        level = [top]
        self._within = None if within is None else {top, *within}
        for _ in range(_LEVELS):
            level = self._read_level([ref for ref in level if ref != without])
            if not level:
                break
        self.truncated |= bool(level)
        self._read_words()

    def _read_level(self, level: list[Ref]) -> list[Ref]:
        """Add the shown objects of a level and return all their children."""
        shown = self._shown(level)
        replies = self._ask([item for ref, _ in shown for item in _requests(ref)])
        below: list[Ref] = []
        for place, (ref, bits) in enumerate(shown):
            role, name, extents, children = replies[4 * place : 4 * place + 4]
            self._frame = self._frame or extents
            if role is None or extents is None or not self._is_inside(extents):
                continue
            if role == DOCUMENT_ROLE and not (
                self._within is None or ref in self._within
            ):
                continue
            below += [(str(bus), str(path)) for bus, path in children or ()]
            if role == PASSWORD_ROLE:
                self.secrets.append(ref)
            title = str(name[1]) if name else ""
            self._add([str(role), title, *extents, state_names(bits)])
            if not children and _has_words(str(role), bits, title):
                self._texts.append((ref, title))
        return below

    def _shown(self, level: list[Ref]) -> list[tuple[Ref, int]]:
        """Return those of a level that are shown, with their states."""
        replies = self._ask([Request(ref, ACCESSIBLE, "GetState") for ref in level])
        states = zip(level, map(state_bits, replies), strict=True)
        return [(ref, bits) for ref, bits in states if is_shown(bits)]

    def _read_words(self) -> None:
        """Add a node for each word of the texts that have several."""
        asked = [
            Request(ref, _TEXT, "GetRangeExtents", "iiu", (*word.span(), _SCREEN))
            for ref, text in self._texts
            for word in _WORD.finditer(text)
        ]
        words = [word for _, text in self._texts for word in _WORD.findall(text)]
        self._texts = []
        spare = self._max_nodes - len(self.nodes)
        self.truncated |= len(asked) > spare
        boxes = self._ask(asked[:spare])
        for word, box in zip(words, boxes, strict=False):
            if box is not None and self._is_inside(box):
                self._add(["word", word, *box, []])

    def _ask(self, requests: list[Request]) -> list[Any]:
        """Ask all at once; what does not answer within the budget is None."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            self.is_late |= bool(requests)
            replies = [None] * len(requests)
        else:
            replies = self._bus.call_all(requests, left_s)
            self.is_late |= time.monotonic() >= self._until_s
        self.truncated |= self.is_late
        return replies

    def _add(self, node: Node) -> None:
        if len(self.nodes) < self._max_nodes:
            self.nodes.append(node)
        else:
            self.truncated = True

    def _is_inside(self, extents: Extents) -> bool:
        """Whether some pixel lies inside the window."""
        x, y, width, height = extents
        left, top, wide, high = self._frame or extents
        across = x < left + wide and left < x + width
        return (
            width > 0 and height > 0 and across and y < top + high and top < y + height
        )


def _has_words(role: str, bits: int, title: str) -> bool:
    return role in _TEXT_ROLES and not bits & EDITABLE and " " in title.strip()


def _requests(ref: Ref) -> list[Request]:
    return [
        Request(ref, ACCESSIBLE, "GetRoleName"),
        get(ref, ACCESSIBLE, "Name"),
        Request(ref, COMPONENT, "GetExtents", "u", (_SCREEN,)),
        Request(ref, ACCESSIBLE, "GetChildren"),
    ]


def find_focused(bus: AccessibilityBus, window: Ref, budget_s: float) -> Ref | None:
    """Return the deepest shown object of a window that has the keyboard focus."""
    found = None
    for ref, _, bits in _walk(bus, window, budget_s):
        found = ref if bits & FOCUSED else found
    return found


def find_document(bus: AccessibilityBus, window: Ref, budget_s: float) -> Ref | None:
    """Return the first shown web document of a window, level by level."""
    walk = _walk(bus, window, budget_s)
    return next((ref for ref, role, _ in walk if role == DOCUMENT_ROLE), None)


def find_documents(
    bus: AccessibilityBus, page: Ref, budget_s: float
) -> list[Ref] | None:
    """Return the shown web documents below a page; None where that takes longer."""
    until_s = time.monotonic() + budget_s
    walk = list(_walk(bus, page, budget_s))
    found = [ref for ref, role, _ in walk if role == DOCUMENT_ROLE and ref != page]
    return found if time.monotonic() < until_s else None


def _walk(
    bus: AccessibilityBus, window: Ref, budget_s: float
) -> Iterator[tuple[Ref, str, int]]:
    """Yield what is shown, level by level, with its role and states."""
    until_s, level = time.monotonic() + budget_s, [window]
    for _ in range(_LEVELS):
        left_s = until_s - time.monotonic()
        if not level or left_s <= 0:
            return
        states = bus.call_all(
            [Request(r, ACCESSIBLE, "GetState") for r in level], left_s
        )
        bits = zip(level, map(state_bits, states), strict=True)
        shown = [(ref, state) for ref, state in bits if is_shown(state)]
        asked = [
            Request(ref, ACCESSIBLE, member)
            for ref, _ in shown
            for member in ("GetRoleName", "GetChildren")
        ]
        replies = bus.call_all(asked, max(0, until_s - time.monotonic()))
        level = []
        for place, (ref, state) in enumerate(shown):
            role, children = replies[2 * place : 2 * place + 2]
            yield ref, role or "", state
            level += [(str(bus_), str(path)) for bus_, path in children or ()]
