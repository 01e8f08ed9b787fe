"""The quarantine keeps every key of an open field and none of a secret one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from overt.desktop.a11y.focus import UNKNOWN, Focus, FocusChange, focus_of
from overt.protocol.records import EVENT_DTYPE, EventKind
from overt.recorder.capture.quarantine import Quarantine

MS = 1_000_000
TAB, RETURN, SHIFT = 0xFF09, 0xFF0D, 0xFFE1


def text(n: int = 1) -> Focus:
    return focus_of((":1.5", f"/{n}"), "entry", "Chromium", "1")


def password(n: int = 9) -> Focus:
    return focus_of((":1.5", f"/{n}"), "password text", "Chromium", "1")


BUTTON = focus_of((":1.5", "/20"), "push button", "Chromium", "1")


@dataclass
class Scene:
    """Inputs and what the application says, played against a quarantine.

    `truth` is what the application answers from a time on; `words` what it reports.
    """

    events: list[tuple[int, int, int, int]] = field(default_factory=list)
    words: list[tuple[int, Focus]] = field(default_factory=list)
    truth: list[tuple[int, Focus | None]] = field(default_factory=list)
    answers: bool = True
    asked: int = 0
    marks: list[int] = field(default_factory=list)

    def key(self, t_ms: int, keysym: int | str, state: int = 0, up: int = 30) -> None:
        code = ord(keysym) if isinstance(keysym, str) else keysym
        self.events.append((t_ms, EventKind.KEY_PRESS, code, state))
        self.events.append((t_ms + up, EventKind.KEY_RELEASE, code, state))

    def type(self, t_ms: int, keys: str, every: int = 100) -> int:
        for n, letter in enumerate(keys):
            self.key(t_ms + n * every, letter)
        return t_ms + (len(keys) - 1) * every

    def press(self, t_ms: int, kind: int = EventKind.BUTTON_PRESS) -> None:
        self.events.append((t_ms, kind, 1, 0))

    def focus(self, t_ms: int, what: Focus, late: int = 20) -> None:
        self.truth.append((t_ms, what))
        self.words.append((t_ms + late, what))

    def answer_at(self, t_ms: int) -> Focus | None:
        return [f for t, f in sorted(self.truth, key=lambda p: p[0]) if t <= t_ms][-1]

    def play(self, *, batch_ms: int = 25, end_ms: int | None = None) -> list[str]:
        """Return what came out: `+a` a press, `-a` a release, `.` others."""
        quarantine, out, done, said = Quarantine(), [], 0, 0
        events = np.array(
            [(t * MS, k, 3, s, 0, 0, d) for t, k, d, s in sorted(self.events)],
            dtype=EVENT_DTYPE,
        )
        words = sorted(self.words, key=lambda pair: pair[0])
        last = max([t for t, *_ in self.events] + [0]) + 3000
        for now in range(-200, end_ms or last, batch_ms):
            ready = int(np.searchsorted(events["t_ns"], now * MS, side="right"))
            while said < len(words) and words[said][0] <= now:
                t_ms, what = words[said]
                quarantine.add_focus(FocusChange(t_ms * MS, what))
                said += 1
            quarantine.add_input(events[done:ready])
            done = ready
            if quarantine.due(now * MS) and self.answers:
                self.asked += 1
                answer = self.answer_at(now)
                quarantine.add_answer(now * MS, now * MS + 3 * MS, answer)
            passed, marks = quarantine.release(now * MS)
            out += [_show(event) for event in passed]
            self.marks += [mark.t_ns // MS for mark in marks]
            assert all(mark.kind == "secret" and not mark.body for mark in marks)
        passed, _ = quarantine.close()
        return out + [_show(event) for event in passed]


def _show(event: np.void) -> str:
    sign = {EventKind.KEY_PRESS: "+", EventKind.KEY_RELEASE: "-"}
    if event["kind"] not in sign:
        return "."
    code = int(event["detail"])
    name = {TAB: "Tab", RETURN: "Return", SHIFT: "Shift"}.get(code) or chr(code)
    return sign[event["kind"]] + name


def strokes(keys: str) -> list[str]:
    return [sign + key for key in keys for sign in "+-"]


@pytest.mark.parametrize("late", [0, 5, 60, 120, 160])
@pytest.mark.parametrize("pace", [40, 100])
def test_user_name_tab_password(late: int, pace: int) -> None:
    scene = Scene(truth=[(-500, BUTTON)])
    scene.press(0)
    scene.focus(0, text(), late)
    tab = scene.type(200, "nanette", pace) + 40
    scene.key(tab, TAB)
    scene.focus(tab, password(), late)
    end = scene.type(tab + 100, "s3cret", 100)
    scene.key(end + 100, RETURN)
    assert scene.play() == [".", *strokes("nanette"), "+Tab", "-Tab"]
    assert len(scene.marks) == 1
    assert scene.marks[0] == tab + 100


@pytest.mark.parametrize("late", [0, 20, 160])
def test_click_password_then_submit_then_type_elsewhere(late: int) -> None:
    scene = Scene(truth=[(-500, BUTTON)])
    scene.press(0)
    scene.focus(0, password(), late)
    end = scene.type(200, "hunter2")
    scene.press(end + 300)
    scene.focus(end + 300, BUTTON, late)
    scene.press(end + 900)
    scene.focus(end + 900, text(), late)
    scene.type(end + 1100, "plain")
    assert scene.play() == [".", ".", ".", *strokes("plain")]
    assert scene.marks == [200]


def test_nothing_leaves_early() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.press(-100)
    scene.key(0, "a")
    assert scene.play(end_ms=475) == ["."]
    assert "+a" in scene.play()


def test_motion_waits_behind_keys() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.key(0, "a")
    scene.press(20, EventKind.MOTION)
    assert scene.play() == ["+a", ".", "-a"]
    assert scene.play(end_ms=400)[:1] == ["."]  # close: the key undecided, dropped


def test_late_word_on_a_busy_machine() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.type(0, "user")
    scene.key(340, TAB)
    scene.focus(340, password(), late=900)
    scene.type(440, "pass")
    assert scene.play() == [*strokes("user"), "+Tab", "-Tab"]


def test_focus_that_is_never_reported_is_found_by_asking() -> None:
    scene = Scene(truth=[(-500, text()), (1000, password())])
    scene.type(0, "open")
    scene.press(1000)
    scene.type(1200, "secret")
    assert scene.play() == [*strokes("open"), "."]


def test_page_moves_the_focus_itself() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.type(0, "abcdefghijkl")
    scene.focus(650, password(), late=100)
    out = scene.play()
    assert out[:4] == strokes("ab")
    assert len(out) <= 6  # c (200 ms) may go too; d (300 ms) is too near the word


def test_password_field_reached_and_left_without_a_word() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.type(0, "user")
    scene.key(1000, TAB)
    scene.type(1025, "pw", every=25)
    scene.key(1075, RETURN)
    scene.focus(1200, text(7))
    scene.type(2000, "next")
    out = scene.play()
    assert [o for o in out if o[1:] in {"p", "w"}] == []
    assert out[-8:] == strokes("next")


def test_two_words_of_one_tab_drop_until_the_second() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.key(0, TAB)
    scene.focus(0, text(2), 40)
    scene.focus(0, password(), 90)
    scene.type(60, "xy", every=20)
    scene.type(800, "zz")
    assert scene.play() == ["+Tab", "-Tab"]


def test_field_once_a_password_stays_one() -> None:
    scene = Scene(truth=[(-500, BUTTON)])
    scene.press(0)
    scene.focus(0, password(4))
    scene.type(200, "one")
    scene.press(1000)
    scene.focus(1000, text(4))  # the same object, shown in clear now
    scene.type(1200, "two")
    assert scene.play() == [".", "."]


def test_unknown_and_untrusted_fields_keep_nothing() -> None:
    gtk4 = focus_of((":1.7", "/1"), "text", "GTK", "4.8.3")
    terminal = focus_of((":1.8", "/1"), "terminal", "gtk", "3.24")
    for what in (UNKNOWN, gtk4, terminal):
        scene = Scene(truth=[(-500, BUTTON)])
        scene.press(0)
        scene.focus(0, what)
        scene.type(200, "abc")
        assert scene.play() == ["."]


def test_without_answers_every_key_is_dropped() -> None:
    scene = Scene(truth=[(-500, text())], answers=False)
    scene.press(0)
    scene.focus(0, text(2))
    scene.type(200, "abc")
    scene.press(700, EventKind.MOTION)
    assert scene.play() == [".", "."]


def test_application_that_hangs_for_a_second_loses_nothing() -> None:
    scene = Scene(truth=[(-500, text()), (300, None), (1300, text())])
    scene.type(0, "abc")
    assert scene.play() == strokes("abc")


def test_release_follows_its_press() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.key(0, SHIFT, up=400)  # released in the password field
    scene.key(100, TAB)
    scene.focus(100, password())
    scene.key(200, "P", up=900)  # released in the next field
    scene.press(700)
    scene.focus(700, text(3))
    assert scene.play() == ["+Shift", "+Tab", "-Tab", "-Shift", "."]


def test_release_without_a_press_is_dropped() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.events.append((0, EventKind.KEY_RELEASE, RETURN, 0))
    assert scene.play() == []


def test_each_password_field_gets_one_mark() -> None:
    scene = Scene(truth=[(-500, BUTTON)])
    scene.press(0)
    scene.focus(0, password(1))
    scene.type(200, "abc")
    scene.key(600, TAB)
    scene.focus(600, password(2))
    scene.type(800, "abc")
    assert scene.play() == ["."]
    assert scene.marks == [200, 800]


def test_editing_shortcuts_leave_the_field_known() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.key(0, "a", state=0x04)
    scene.type(60, "joe", every=40)
    scene.key(180, TAB)
    scene.focus(180, password())
    scene.type(300, "pw")
    assert scene.play() == ["+a", "-a", *strokes("joe"), "+Tab", "-Tab"]


def test_questions_are_few() -> None:
    scene = Scene(truth=[(-500, text())])
    scene.type(0, "abcdefghij" * 4, every=50)
    assert len(scene.play()) == 80
    assert scene.asked <= 45


# A typist moves between fields; what the application says is late, and where it is
# lossy a field that was left before its word was sent is never reported.
visits = st.lists(
    st.tuples(
        st.booleans(),  # a password field?
        st.sampled_from(["tab", "click"]),
        st.integers(0, 160),  # how late the word is
        st.lists(st.integers(2, 120), max_size=6),  # pauses between keys
    ),
    min_size=1,
    max_size=8,
)


def build(
    moves: list[tuple[bool, str, int, list[int]]],
    *,
    calm: bool = False,
    lossy: bool = False,
) -> Scene:
    """Letters typed into password fields are capital, others small."""
    scene = Scene(truth=[(-500, BUTTON)])
    now, words = 0, []
    for n, (secret, how, late, pauses) in enumerate(moves):
        if how == "tab":
            scene.key(now, TAB, up=1)
        else:
            scene.press(now)
        what = password(100 + n) if secret else text(200 + n)
        scene.truth.append((now, what))
        said = max([now + late, *(t for t, _ in words)])
        if lossy:
            words = [(t, word) for t, word in words if t < now]
        words.append((said, what))
        for pause in pauses:
            now += pause
            scene.key(now, "S" if secret else "o", up=1)
        now += 165 if calm else 2
    scene.words = words
    return scene


@settings(max_examples=150, deadline=None)
@example(  # an answer overtakes the word of the last Tab
    moves=[
        (False, "tab", 0, []),
        (False, "tab", 0, []),
        (False, "tab", 0, [2]),
        (True, "tab", 4, []),
    ]
)
@given(moves=visits)
def test_calm_typist_is_recorded_exactly(
    moves: list[tuple[bool, str, int, list[int]]],
) -> None:
    scene = build(moves, calm=True)
    out = scene.play()
    open_keys = sum(len(pauses) for secret, _, _, pauses in moves if not secret)
    assert out.count("+o") == out.count("-o") == open_keys
    assert "+S" not in out
    assert "-S" not in out


@settings(max_examples=300, deadline=None)
@given(moves=visits, lossy=st.booleans())
def test_hasty_typist_leaks_nothing(
    moves: list[tuple[bool, str, int, list[int]]],
    lossy: bool,  # noqa: FBT001 - drawn by name
) -> None:
    out = build(moves, lossy=lossy).play()
    assert "+S" not in out
    assert "-S" not in out


@settings(max_examples=100, deadline=None)
@given(moves=visits, batch_ms=st.integers(1, 200))
def test_order_is_kept_and_the_pointer_is_complete(
    moves: list[tuple[bool, str, int, list[int]]], batch_ms: int
) -> None:
    scene = build(moves)
    clicks = sum(how == "click" for _, how, _, _ in moves)
    out = scene.play(batch_ms=batch_ms)
    assert out.count(".") == clicks
    fed = [(t, k, 3, s, 0, 0, d) for t, k, d, s in sorted(scene.events)]
    rest = iter([_show(event) for event in np.array(fed, dtype=EVENT_DTYPE)])
    assert all(shown in rest for shown in out)  # a subsequence
