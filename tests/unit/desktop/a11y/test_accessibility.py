"""A real browser: roles, the password role, URL, elements, tree with word boxes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from overt.desktop.a11y.accessibility import Accessibility
from overt.desktop.a11y.focus import UNKNOWN
from overt.protocol.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.display

USER, PASSWORD, OTHER, SUBMIT = (100, 132), (100, 182), (100, 232), (90, 295)


@pytest.fixture(scope="module")
def a11y(session: Any) -> Iterator[Accessibility]:
    found = Accessibility(session.bus)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        nodes, _ = found.tree(session.pid)
        if any(node[0] == "password text" for node in nodes):
            break
        time.sleep(0.2)
    yield found
    found.close()


def changes(a11y: Accessibility, until_s: float = 0.5) -> list[Any]:
    found, deadline = [], time.monotonic() + until_s
    while time.monotonic() < deadline:
        found += a11y.focus_changes()
        time.sleep(0.002)
    return found


def test_focus_moves_with_clicks_and_tab(session: Any, a11y: Accessibility) -> None:
    session.hands.click(500, 380)
    changes(a11y)
    for act, role, keeps in (
        (lambda: session.hands.click(*USER), "entry", True),
        (lambda: session.hands.key(0xFF09), "password text", False),
        (lambda: session.hands.click(*SUBMIT), "push button", True),
        (lambda: session.hands.click(*PASSWORD), "password text", False),
        (lambda: session.hands.click(*OTHER), "entry", True),
    ):
        t_ns = act()
        last = changes(a11y)[-1]
        assert (last.focus.role, last.focus.keeps_keys) == (role, keeps)
        assert t_ns < last.t_ns < t_ns + 500_000_000
        assert a11y.focused(session.pid) == last.focus


def test_element_at_a_point(session: Any, a11y: Accessibility) -> None:
    element = a11y.element_at(session.pid, *USER)
    assert element is not None
    assert (element["role"], element["name"]) == ("entry", "user")
    assert element["bounds"][:2] == [40, 120]
    assert {"editable", "showing"} <= set(element["states"])
    button = a11y.element_at(session.pid, *SUBMIT)
    assert button is not None
    assert (button["role"], button["name"]) == ("push button", "Submit")


def test_url(session: Any, a11y: Accessibility) -> None:
    assert a11y.document_url(session.pid) == session.url
    start = time.monotonic()
    a11y.document_url(session.pid)
    assert time.monotonic() - start < 0.05


def test_tree_has_shown_nodes_and_words(session: Any, a11y: Accessibility) -> None:
    start = time.monotonic()
    nodes, truncated = a11y.tree(session.pid)
    assert time.monotonic() - start < 0.25
    assert not truncated
    assert len(nodes) <= 300
    shown = {(node[0], node[1]) for node in nodes}
    assert {("entry", "user"), ("push button", "Submit")} <= shown
    assert ("word", "please.") in shown
    assert not any("far" in node[1] or "never" in node[1] for node in nodes)
    words = {node[1]: node for node in nodes if node[0] == "word"}
    assert 10 <= words["Sign"][2] < words["in"][2] < words["here"][2]
    _, _, x, y, width, height, _ = words["please."]
    assert 60 <= y <= 90
    assert 20 <= width <= 80
    assert 10 <= height <= 30
    assert x > 100


def test_tree_says_when_it_is_cut_short(session: Any, a11y: Accessibility) -> None:
    from overt.desktop.a11y.tree import TreeReader

    window = a11y._applications.active_window(session.pid)
    assert window is not None
    few = TreeReader(a11y._bus, max_nodes=5)
    few.read(window)
    assert len(few.nodes) == 5
    assert few.truncated
    assert not few.is_late
    quick = TreeReader(a11y._bus, budget_s=0.001)
    quick.read(window)
    assert quick.truncated
    assert quick.is_late


def test_process_without_accessibility_is_unknown(a11y: Accessibility) -> None:
    assert a11y.focused(1) == UNKNOWN
    assert a11y.element_at(1, 5, 5) is None
    assert a11y.document_url(1) is None
    assert a11y.tree(1) == ([], True)


def test_no_session_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    with pytest.raises(CaptureError, match="DBUS_SESSION_BUS_ADDRESS"):
        Accessibility()
    with pytest.raises(CaptureError, match="at-spi2-core"):
        Accessibility("unix:path=/nonexistent/bus")
