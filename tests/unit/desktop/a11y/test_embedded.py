"""A real browser: what a page embeds, where it is and which field lies in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from overt.desktop.a11y import embedded
from overt.desktop.a11y.accessibility import Accessibility
from overt.desktop.a11y.embedded import Embedded, documents_around, find_embedded
from overt.desktop.types import Rect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from overt.desktop.a11y.focus import Ref

pytestmark = pytest.mark.display

USER, CARD, HEADING = (100, 132), (350, 120), (20, 30)
INNER, OWN = Rect(300, 100, 260, 80), Rect(300, 200, 260, 60)


@pytest.fixture(scope="module")
def accessibility(session: Any) -> Iterator[Accessibility]:
    found = Accessibility(session.bus)
    yield found
    found.close()


@pytest.fixture
def a11y(session: Any, accessibility: Accessibility) -> Accessibility:
    """Wait until both documents are told where they are: pages load slowly."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        accessibility.focus_changes()
        accessibility.document_url(session.pid)
        shown = (accessibility.embedded(session.pid) or {}).values()
        if {one.rect for one in shown} == {INNER, OWN}:
            break
        time.sleep(0.2)
    return accessibility


@pytest.fixture
def inner(session: Any, a11y: Accessibility) -> Ref:
    shown = a11y.embedded(session.pid) or {}
    return next(ref for ref, one in shown.items() if one.rect == INNER)


def test_what_a_page_embeds_is_told_with_url_and_place(
    session: Any, a11y: Accessibility
) -> None:
    shown = a11y.embedded(session.pid)
    assert shown is not None
    inner = session.url.replace("page.html", "inner.html")
    assert set(shown.values()) == {
        Embedded(inner, INNER),
        Embedded("about:srcdoc", OWN),
    }


def test_an_application_without_collections_tells_the_same(
    session: Any, a11y: Accessibility, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = a11y.embedded(session.pid)
    monkeypatch.setattr(embedded, "_COLLECTION", "org.a11y.atspi.NoSuch")
    assert find_embedded(a11y._bus, a11y._documents[session.pid]) == shown


def test_a_page_that_hangs_tells_nothing(session: Any, a11y: Accessibility) -> None:
    page = a11y._documents[session.pid]
    nobody = ("org.freedesktop.DBus", page[1])
    assert documents_around(a11y._bus, nobody) is None
    assert a11y.embedded(1) == {}


def test_a_field_says_which_document_holds_it(
    session: Any, a11y: Accessibility
) -> None:
    inner = session.url.replace("page.html", "inner.html")
    for point, url in ((CARD, inner), (USER, "")):
        session.hands.click(*point)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            focus = a11y.focused(session.pid)
            a11y.focus_changes()
            if focus and focus.role == "entry" and focus.embedded == url:
                break
            time.sleep(0.05)
        assert focus is not None
        assert (focus.role, focus.embedded) == ("entry", url)


def test_only_what_may_be_read_of_a_page_is_read(
    session: Any, a11y: Accessibility, inner: Ref
) -> None:
    def words(within: set[Ref] | None) -> set[str]:
        nodes, _ = a11y.tree(session.pid, 1.0, within)
        return {node[1] for node in nodes}

    assert {"user", "card", "Number", "own"} <= words(None)
    assert {"user", "card", "Number"} <= words({inner})
    assert "own" not in words({inner})
    assert not {"card", "Number", "own"} & words(set())
    assert a11y.element_at(session.pid, *CARD, within=set()) is None
    for within in ({inner}, None):
        element = a11y.element_at(session.pid, *CARD, within=within)
        assert element is not None
        assert element["name"] == "card"
    user = a11y.element_at(session.pid, *USER, within=set())
    assert user is not None
    assert user["name"] == "user"
