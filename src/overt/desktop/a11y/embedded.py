"""Documents of other addresses that a page embeds: where they are, what they hold.

Stage: part of the accessibility adapter. Input: a page's document, or an object in it.
Output: the shown embedded documents with URL and rectangle; for an object the URL of
the embedded document that holds it. Says nothing of what may be recorded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from overt.desktop.a11y.bus import ACCESSIBLE, CALL_S, AccessibilityBus, Request, get
from overt.desktop.a11y.states import is_shown, state_bits
from overt.desktop.a11y.tree import COMPONENT, DOCUMENT_ROLE, find_documents
from overt.desktop.types import Rect

if TYPE_CHECKING:
    from overt.desktop.a11y.focus import Ref

_COLLECTION = "org.a11y.atspi.Collection"
_MATCH_RULE = "(aiia{ss}iaiiasib)"
_ALL, _ANY, _CANONICAL = 1, 2, 1
_DOCUMENT_WEB = 95  # ATSPI_ROLE_DOCUMENT_WEB
_MOST = 100
_SCREEN = 0
_HOPS = 120
_TOPS = frozenset({"frame", "window", "dialog", "application", "desktop frame"})
_DOCUMENT = "org.a11y.atspi.Document"
_URL_ATTRIBUTES = ("DocURL", "URI")


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedded document that is shown.

    Attributes:
        url: Its URL; empty where it does not say.
        rect: Where it is, in root pixels.
    """

    url: str
    rect: Rect


def find_embedded(bus: AccessibilityBus, page: Ref) -> dict[Ref, Embedded] | None:
    """Return the documents shown inside a page; None where it did not tell in time."""
    start_s = time.monotonic()
    refs = _matching(bus, page)
    if refs is None and time.monotonic() - start_s < CALL_S:  # no Collection here
        refs = find_documents(bus, page, CALL_S)
    if refs is None:
        return None
    start_s = time.monotonic()
    requests = [
        request
        for ref in refs
        for request in (
            Request(ref, ACCESSIBLE, "GetState"),
            Request(ref, COMPONENT, "GetExtents", "u", (_SCREEN,)),
            *_url_requests(ref),
        )
    ]
    replies = bus.call_all(requests, CALL_S)
    if None in replies and time.monotonic() - start_s >= CALL_S:
        return None
    documents: dict[Ref, Embedded] = {}
    for place, ref in enumerate(refs):
        states, extents, *urls = replies[4 * place : 4 * place + 4]
        if states is not None and extents is not None and is_shown(state_bits(states)):
            url = next((str(each) for each in urls if each), "")
            documents[ref] = Embedded(url, Rect(*extents))
    return documents


def _matching(bus: AccessibilityBus, page: Ref) -> list[Ref] | None:
    """Ask a page for its documents in one question; None where it has no answer."""
    rule: tuple[Any, ...] = (
        *([0, 0], _ALL, {}, _ALL, _only(_DOCUMENT_WEB), _ANY, [], _ALL, False),
    )
    asked = (rule, _CANONICAL, _MOST, True)
    found = bus.call(
        Request(page, _COLLECTION, "GetMatches", f"{_MATCH_RULE}uib", asked)
    )
    return None if found is None else [(str(name), str(path)) for name, path in found]


def documents_around(bus: AccessibilityBus, ref: Ref) -> list[Ref] | None:
    """Return the documents that hold an object, the innermost first; itself included.

    The last one is the page, the others are embedded in it. None where the application
    did not tell.
    """
    documents: list[Ref] = []
    for _ in range(_HOPS):
        role, parent = bus.call_all(
            [Request(ref, ACCESSIBLE, "GetRoleName"), get(ref, ACCESSIBLE, "Parent")],
            CALL_S,
        )
        if role in _TOPS:
            return documents
        if role is None or parent is None:
            return None
        if role == DOCUMENT_ROLE:
            documents.append(ref)
        ref = str(parent[1][0]), str(parent[1][1])
    return None


def url_of(bus: AccessibilityBus, document: Ref) -> str | None:
    """Return a document's URL; None where it does not say."""
    replies = bus.call_all(_url_requests(document), CALL_S)
    return next((str(url) for url in replies if url), None)


def embedding_of(bus: AccessibilityBus, ref: Ref) -> str | None:
    """Return the URL of the embedded document that holds an object.

    Returns:
        Empty where it lies in the page itself, or in no page; None where that is not
        known.
    """
    documents = documents_around(bus, ref)
    if documents is None:
        return None
    return url_of(bus, documents[0]) if documents[1:] else ""


def _url_requests(document: Ref) -> list[Request]:
    return [
        Request(document, _DOCUMENT, "GetAttributeValue", "s", (attribute,))
        for attribute in _URL_ATTRIBUTES
    ]


def _only(role: int) -> list[int]:
    """A set of roles as AT-SPI packs it: four words of 32 bits, signed."""
    words = [0, 0, 0, 0]
    bit = 1 << role % 32
    words[role // 32] = bit - (bit >> 31 << 32)
    return words
