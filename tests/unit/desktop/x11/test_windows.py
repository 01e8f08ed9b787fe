"""Stack, rectangles and names of windows, with and without a window manager."""

import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from Xlib import X

from overt.desktop.types import Rect, Stack
from overt.desktop.x11.windows import WindowWatcher

pytestmark = pytest.mark.display


@pytest.fixture
def watcher(x_server: str) -> Iterator[Any]:
    opened = WindowWatcher(x_server)
    yield opened
    opened.close()


def _named(stack: Stack, name: str) -> Any:
    return next(window for window in stack.windows if window.app_class == name)


def test_windows_stand_in_stacking_order_with_class_and_title(
    watcher: WindowWatcher, painter: Any
) -> None:
    low = painter.window(0, 0, 100, 100, 0, wm_class="low")
    high = painter.window(50, 50, 100, 100, 0, wm_class="high")
    low.set_wm_name("a title")
    painter.display.sync()
    stack = watcher.stack()
    assert [w.app_class for w in stack.windows] == ["Low", "High"]
    assert _named(stack, "Low").title == "a title"
    assert _named(stack, "Low").window_id == low.id
    region = stack.visible_region(_named(stack, "Low"))
    assert sum(r.width * r.height for r in region) == 100 * 100 - 50 * 50
    low.raise_window()
    painter.display.sync()
    assert watcher.changed()
    assert [w.app_class for w in watcher.stack().windows] == ["High", "Low"]
    low.destroy()
    high.destroy()


def test_menus_are_seen_and_unmapped_windows_are_not(
    watcher: WindowWatcher, painter: Any
) -> None:
    menu = painter.window(5, 5, 20, 20, 0, wm_class="menu", override_redirect=True)
    hidden = painter.window(5, 5, 20, 20, 0, wm_class="hidden")
    hidden.unmap()
    painter.display.sync()
    stack = watcher.stack()
    assert [w.app_class for w in stack.windows] == ["Menu"]
    assert not _named(stack, "Menu").managed
    menu.destroy()
    hidden.destroy()


def test_nothing_is_asked_again_while_nothing_changes(
    watcher: WindowWatcher, painter: Any
) -> None:
    window = painter.window(0, 0, 10, 10, 0)
    first = watcher.stack()
    assert not watcher.changed()
    assert watcher.stack() is first
    window.configure(x=40)
    painter.display.sync()
    assert watcher.changed()
    assert watcher.stack().windows[0].rect == Rect(40, 0, 10, 10)
    window.destroy()


def test_the_focused_window_is_active_without_a_window_manager(
    watcher: WindowWatcher, painter: Any
) -> None:
    window = painter.window(0, 0, 60, 60, 0, wm_class="focused")
    window.set_input_focus(X.RevertToParent, X.CurrentTime)
    painter.display.sync()
    assert watcher.stack().active.app_class == "Focused"
    window.destroy()


@pytest.fixture
def window_manager(x_server: str, painter: Any) -> Iterator[Any]:
    manager = subprocess.Popen(
        ["/usr/bin/openbox", "--sm-disable"],
        env={"DISPLAY": x_server, "HOME": "/nonexistent", "PATH": "/usr/bin"},
        stderr=subprocess.DEVNULL,
    )
    check = painter.display.intern_atom("_NET_SUPPORTING_WM_CHECK")
    deadline = time.monotonic() + 30
    while painter.root.get_full_property(check, X.AnyPropertyType) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.0)  # it says that it is there before it takes windows in
    yield manager
    manager.terminate()
    manager.wait()


def framed(watcher: WindowWatcher) -> Any:
    """Return the test's window once it has its frame; who has focus is up to the wm."""
    windows = watcher.stack().windows
    named = (one for one in windows if one.app_class == "Framed")
    return next((one for one in named if one.frame_id != one.window_id), None)


@pytest.mark.usefixtures("window_manager")
def test_frames_are_mapped_to_the_windows_inside(
    watcher: WindowWatcher, painter: Any
) -> None:
    window = painter.window(100, 100, 200, 150, 0, wm_class="framed")
    deadline = time.monotonic() + 30
    while (found := framed(watcher)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found.window_id == window.id
    assert found.frame_id != window.id
    assert found.managed
    assert found.rect.width >= 200
    assert found.rect.height > 150  # the title bar belongs to it
    window.destroy()
