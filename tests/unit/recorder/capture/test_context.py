"""The context thread answers beside the capture loop; with it the quarantine is exact.

A real browser, a user name typed by XTEST, Tab 40 ms after its last key, a password.
"""

from __future__ import annotations

import random
import select
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from Xlib import XK, X, display
from Xlib.ext import xtest

from overt.desktop.a11y.focus import FocusChange
from overt.desktop.a11y.tree import TreeReader
from overt.protocol.errors import CaptureError
from overt.protocol.records import EVENT_DTYPE, ContextRecord, EventKind
from overt.recorder.capture.context import Answer, ContextThread, Url
from overt.recorder.capture.quarantine import Quarantine
from overt.recorder.capture.secretplaces import Places
from overt.research.evaluate.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 20
PAGE = """<!doctype html><title>Sign in</title>
<input style="position:absolute;left:40px;top:60px;width:200px">
<input type=password style="position:absolute;left:40px;top:120px;width:200px">
<button style="position:absolute;left:40px;top:180px">Submit this form</button>
"""
USER, PASSWORD, SUBMIT = (100, 70), (100, 130), (70, 190)


class Typist:
    """Types at a person's pace and notes each event and where it went."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        self.log: list[tuple[int, ...]] = []
        self.done = False
        self._chance = random.Random(7)  # noqa: S311 - a pace, no secret

    def sign_in(self, rounds: int) -> None:
        for _ in range(rounds):
            self.click(*USER)
            self.wait(120, 250)
            self.keys("nanette")
            time.sleep(0.04)
            self.stroke(XK.XK_Tab)
            self.wait(60, 110)
            self.keys("SECRET")  # typed without shift: letters that stand apart
            self.wait(100, 300)
            self.click(*SUBMIT)
            self.wait(200, 400)
            self.click(*PASSWORD)
            self.wait(180, 220)
            self.keys("PW")
        self.click(*SUBMIT)
        self.done = True

    def keys(self, letters: str) -> None:
        for letter in letters:
            self.stroke(ord(letter))
            self.wait(30, 90)

    def wait(self, low_ms: int, high_ms: int) -> None:
        time.sleep(self._chance.uniform(low_ms, high_ms) / 1000)

    def stroke(self, keysym: int) -> None:
        code = self.display.keysym_to_keycode(keysym)
        self._send(X.KeyPress, code, EventKind.KEY_PRESS, keysym)
        self.wait(20, 30)
        self._send(X.KeyRelease, code, EventKind.KEY_RELEASE, keysym)

    def click(self, x_px: int, y_px: int) -> None:
        xtest.fake_input(self.display, X.MotionNotify, x=x_px, y=y_px)
        self.wait(20, 40)
        self._send(X.ButtonPress, 1, EventKind.BUTTON_PRESS, 1)
        self.wait(40, 60)
        self._send(X.ButtonRelease, 1, EventKind.BUTTON_RELEASE, 1)

    def _send(self, kind: int, code: int, event: int, detail: int) -> None:
        t_ns = time.monotonic_ns() // 1_000_000 * 1_000_000  # as the X server counts
        xtest.fake_input(self.display, kind, code)
        self.display.sync()
        self.log.append((t_ns, event, 3, 0, 0, 0, detail))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Path]]:
    page = tmp_path_factory.mktemp("page") / "page.html"
    page.write_text(PAGE)
    with Desk((400, 300), human=False) as found:
        found.start_browser(f"file://{page}")
        yield found, page


def browser_pid(desk: Desk) -> int:
    with_pid = display.Display(desk.display)
    root = with_pid.screen().root
    atom = with_pid.intern_atom
    for _ in range(100):
        active = root.get_full_property(atom("_NET_ACTIVE_WINDOW"), X.AnyPropertyType)
        if active and active.value[0]:
            window = with_pid.create_resource_object("window", active.value[0])
            pid = window.get_full_property(atom("_NET_WM_PID"), X.AnyPropertyType)
            with_pid.close()
            return int(pid.value[0])
        time.sleep(0.1)
    pytest.fail("no active window")


class Inbox:
    """What a context thread told; what was not asked for yet stays in it, in order."""

    def __init__(self, context: ContextThread) -> None:
        self.context, self.told = context, list[Any]()

    def wait_for(self, kind: type, timeout_s: float = 20) -> Any:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for position, told in enumerate(self.told):
                if isinstance(told, kind):
                    return self.told.pop(position)
            select.select([self.context], [], [], 0.1)
            self.told += self.context.poll()
        pytest.fail(f"no {kind.__name__} came")


@pytest.mark.display
def test_questions_are_answered(
    desk: tuple[Desk, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_hurry = {"budget_s": 10.0, "max_nodes": 300}  # the machine may be busy
    monkeypatch.setattr(TreeReader.__init__, "__kwdefaults__", no_hurry)
    found, page = desk
    pid = browser_pid(found)
    with ContextThread(found.env["DBUS_SESSION_BUS_ADDRESS"]) as context:
        assert context.alive
        inbox = Inbox(context)
        deadline = time.monotonic() + 40
        url = None
        while url is None and time.monotonic() < deadline:
            context.ask_url(pid)
            url = inbox.wait_for(Url).url
        assert url == f"file://{page}"
        roles: set[str] = set()
        while "password text" not in roles and time.monotonic() < deadline:
            context.ask_tree(123, pid, None)
            tree = inbox.wait_for(ContextRecord)
            assert (tree.t_ns, tree.kind) == (123, "tree")
            roles = {node[0] for node in tree.body["nodes"]}
        assert "password text" in roles
        places = inbox.wait_for(Places)  # the tree met a password field
        (rect,) = (places.rects or {}).values()
        assert rect.contains(*PASSWORD)
        assert not rect.contains(*USER)
        context.ask_element(456, pid, *SUBMIT, None)
        element = inbox.wait_for(ContextRecord)
        assert (element.t_ns, element.kind) == (456, "element")
        assert element.body["role"] == "push button"
        before_ns = time.monotonic_ns()
        context.ask_focus(pid)
        answer = inbox.wait_for(Answer)
        assert before_ns < answer.asked_ns < answer.answered_ns
        start = time.monotonic()
        context.ask_tree(1, pid, None)
        context.ask_focus(pid)
        context.poll()
        assert time.monotonic() - start < 1


@pytest.mark.display
def test_user_name_is_kept_and_password_is_not(desk: tuple[Desk, Path]) -> None:
    found, _ = desk
    pid = browser_pid(found)
    typist, quarantine = Typist(found.display), Quarantine()
    kept: list[int] = []
    marks = changes = 0
    with ContextThread(found.env["DBUS_SESSION_BUS_ADDRESS"]) as context:
        hands = threading.Thread(target=typist.sign_in, args=(ROUNDS,))
        hands.start()
        sent, end_s = 0, time.monotonic() + 240
        while time.monotonic() < end_s:
            time.sleep(0.025)
            fresh = typist.log[sent:]
            sent += len(fresh)
            for told in context.poll():
                if isinstance(told, FocusChange):
                    quarantine.add_focus(told)
                    changes += 1
                elif isinstance(told, Answer):
                    quarantine.add_answer(told.asked_ns, told.answered_ns, told.focus)
            quarantine.add_input(np.array(fresh, dtype=EVENT_DTYPE))
            now_ns = time.monotonic_ns()
            if quarantine.due(now_ns):
                context.ask_focus(pid)
            events, secrets = quarantine.release(now_ns)
            kept += [int(e["detail"]) for e in events if e["kind"] >= 4]
            marks += len(secrets)
            if typist.done:
                end_s = min(end_s, time.monotonic() + 2.5)
                typist.done = False
        hands.join()
    typist.display.close()
    once = [code for letter in "nanette" for code in [ord(letter)] * 2]
    assert kept == (once + [XK.XK_Tab] * 2) * ROUNDS
    assert marks == 2 * ROUNDS
    assert changes >= 4 * ROUNDS


def test_without_a_bus_nothing_is_answered() -> None:
    with ContextThread("unix:path=/nonexistent/bus") as context:
        context.ask_focus(1)
        assert not context.alive
        assert isinstance(context.error, CaptureError)
        assert context.poll() == []


@pytest.mark.display
def test_thread_that_loses_its_bus_dies_alone() -> None:
    with Desk((64, 64), human=False) as found:
        context = ContextThread(found.env["DBUS_SESSION_BUS_ADDRESS"])
        context.start()
        assert context.alive
    deadline = time.monotonic() + 5
    while context.alive and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not context.alive
    context.ask_focus(1)
    assert context.poll() == []
    context.stop()
