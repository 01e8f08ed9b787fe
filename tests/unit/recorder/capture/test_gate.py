"""What leaves capture, in which order, and what only leaves a gap."""

import numpy as np
import pytest

from overt.desktop.types import Rect, Stack, Window
from overt.protocol.records import (
    EVENT_DTYPE,
    ContextRecord,
    DirtyRecord,
    EventArray,
    EventKind,
    FrameCause,
    FrameRecord,
    InputRecord,
    Level,
    MarkRecord,
    TileRecord,
)
from overt.protocol.texts import parse_runs
from overt.recorder.capture.allowance import History, View
from overt.recorder.capture.frames import Held
from overt.recorder.capture.gate import PLACEHOLDER, Gate, merge, no_events
from overt.recorder.capture.names import Names
from overt.recorder.capture.screenlog import Area, Patch, Picture, ScreenLog
from overt.recorder.capture.secretplaces import SecretPlaces
from overt.redact.naming import whole
from overt.redact.text import spans

SCREEN = Rect(0, 0, 100, 100)
APP = Window(1, 1, Rect(0, 0, 50, 100))
MOVE, DOWN, UP = EventKind.MOTION, EventKind.BUTTON_PRESS, EventKind.BUTTON_RELEASE
KEY = EventKind.KEY_PRESS
LEFT, TAB = 0xFF51, 0xFF09


def _view(level: Level = Level.CLEAR) -> View:
    stack = Stack((APP,), 1, SCREEN)
    return View(0, stack, (level,), {}, (Area(APP.rect, level),))


@pytest.fixture
def gate() -> Gate:
    return _gate(_view())


def _gate(view: View, names: Names | None = None) -> Gate:
    history = History()
    history.add(view)
    log = ScreenLog(lambda pixels: pixels)
    return Gate(history, log, SecretPlaces(), names or Names(whole))


def _events(*rows: tuple[int, EventKind, int, int]) -> EventArray:
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (t_ns, kind, detail, x_px) in zip(events, rows, strict=True):
        event["t_ns"], event["kind"], event["detail"] = t_ns, kind, detail
        event["x_px"] = x_px
    return events


def _kept(gate: Gate, *rows: tuple[int, EventKind, int, int]) -> list[int]:
    return [int(t) for t in gate.judge(_events(*rows))[0]["t_ns"]]


def test_the_pointer_outside_leaves_one_gap_whatever_it_does(gate: Gate) -> None:
    rows = [(1, MOVE, 0, 10), (2, MOVE, 0, 60), (3, DOWN, 1, 60), (4, UP, 1, 60)]
    events, marks = gate.judge(_events(*rows, (5, MOVE, 0, 70), (6, MOVE, 0, 20)))
    assert events["t_ns"].tolist() == [1, 6]
    assert [(m.t_ns, m.kind) for m in marks] == [(2, "gap"), (6, "resume")]


def test_a_drag_belongs_to_where_it_began(gate: Gate) -> None:
    out = ((1, DOWN, 1, 10), (2, MOVE, 0, 60), (3, UP, 1, 60), (4, MOVE, 0, 60))
    assert _kept(gate, *out) == [1, 2, 3]
    back = ((5, DOWN, 1, 60), (6, MOVE, 0, 10), (7, UP, 1, 10), (8, MOVE, 0, 10))
    assert _kept(gate, *back) == [8]


def test_a_drag_may_span_two_batches(gate: Gate) -> None:
    assert _kept(gate, (1, DOWN, 1, 10)) == [1]
    assert _kept(gate, (2, MOVE, 0, 60)) == [2]
    assert _kept(gate, (3, UP, 1, 60), (4, MOVE, 0, 60)) == [3]


def test_below_clear_typed_characters_are_placeholders_and_shortcuts_are_not() -> None:
    gate = _gate(_view(Level.MASKED))
    typed = [ord("a"), ord("Z"), ord("7"), 0xFFB7, 0x010020AC, 0x20]
    shaping = [0xFFE1, 0xFE03, 0xFE51, 0xFFE5]
    kept = [0xFF0D, 0xFF08, 0xFF51, 0xFFBE, ord("c")]
    rows = [(1, KEY, keysym, 0) for keysym in (*typed, *shaping, *kept)]
    batch = _events(*rows)
    batch["state"] = 0x01 | 0x02 | 0x80
    batch["state"][-1] = 0x04
    events, _ = gate.judge(batch)
    assert events["detail"].tolist() == [PLACEHOLDER] * 6 + [0] * 4 + kept
    assert not events["state"][:10].any()
    assert events["state"][-1] == 0x04


@pytest.mark.parametrize(
    ("level", "kept"),
    [
        (Level.CLEAR, ["element", "tree", "window", "window", "mark"]),
        (Level.MASKED, ["texts", "window", "mark"]),
        (Level.OFF, ["mark"]),
    ],
)
def test_texts_of_a_window_are_context_at_level_clear_alone(
    level: Level, kept: list[str]
) -> None:
    gate = _gate(_view(level))
    records = [
        ContextRecord(1, "element", {"name": "n"}),
        ContextRecord(1, "tree", {"nodes": []}),
        ContextRecord(1, "window", {"title": "t"}),
        ContextRecord(1, "window", {"title": "", "url": ""}),
        MarkRecord(1, "mark"),
    ]
    passed = [gate.passed(one) for one in records]
    assert [one.kind for one in passed if one] == kept


@pytest.mark.parametrize("level", [Level.MASKED, Level.WORDS])
def test_below_clear_a_tree_leaves_placeholders_in_boxes(level: Level) -> None:
    gate = _gate(_view(level))
    gate.pictures([_held(0)], no_events(), {0}, 0)
    button = ["push button", "Quintana", 3, 4, 45, 20, ["focusable"]]
    tree = ContextRecord(1, "tree", {"nodes": [button], "truncated": False})
    passed = gate.passed(tree)
    assert passed is not None
    assert "Quintana" not in str(passed)
    control, text = parse_runs(passed.body)
    assert (control.role, control.text) == ("push button", "")
    assert text.text == "[OTHER_1:medium]"


@pytest.mark.parametrize(("key", "is_told"), [(LEFT, 0), (TAB, 1)])
def test_a_value_announced_in_another_burst_of_its_field_is_masked(
    key: int, is_told: int
) -> None:
    gate = _gate(_view(Level.WORDS), Names(lambda text: spans(text, "words")))
    for at, letters in ((100, "now my password is"), (200, "open this page again")):
        keys = [(at + n, KEY, ord(letter), 0) for n, letter in enumerate(letters)]
        gate.judge(_events(*keys, (at + 50, KEY, key, 0)))
    _, then = gate.take_typed()
    assert ("this" in then.body["text"].split()) == is_told


def test_what_was_typed_is_told_as_placeholders_when_its_burst_ends() -> None:
    gate = _gate(_view(Level.MASKED))
    keys = [(at, KEY, ord(letter), 0) for at, letter in enumerate("Quin", 10)]
    events, _ = gate.judge(_events(*keys))
    assert gate.take_typed() == []
    gate.judge(_events((20, DOWN, 1, 10)))
    (typed,) = gate.take_typed()
    assert (typed.t_ns, typed.body) == (20, {"text": "[OTHER_1:short]"})
    assert set(events["detail"].tolist()) == {PLACEHOLDER}


def _held(
    t_ns: int,
    *patches: Patch,
    cause: FrameCause = FrameCause.PRESS,
    level: Level = Level.CLEAR,
) -> Held:
    view = _view(level)
    picture = Picture(t_ns, cause, True, SCREEN, view.areas, patches)  # noqa: FBT003
    return Held(t_ns, picture, view, painted_ns=t_ns - 40, taken_ns=t_ns)


@pytest.mark.parametrize(
    ("level", "done", "frames_ns"),
    [
        (Level.MASKED, (), [300]),
        (Level.WORDS, (), [300]),
        (Level.CLEAR, (), [100, 200, 300]),
        (Level.MASKED, ((150, KEY, ord("a"), 0),), [300]),
        (Level.MASKED, ((150, MOVE, 0, 5),), [100, 300]),
        (Level.MASKED, ((200, DOWN, 4, 5), (300, UP, 4, 5)), [100, 200, 300]),
    ],
)
def test_masked_pictures_are_kept_where_the_pointer_acts_and_at_the_end(
    level: Level,
    done: tuple[tuple[int, EventKind, int, int], ...],
    frames_ns: list[int],
) -> None:
    gate = _gate(_view(level))
    patches = [
        Patch(Rect(x, 0, 5, 5), np.full((5, 5, 3), x, np.uint8)) for x in (1, 7, 9)
    ]
    held = [
        _held(100 * n, patch, cause=FrameCause.DAMAGE, level=level)
        for n, patch in enumerate(patches, 1)
    ]
    found = gate.pictures(held, _events(*done), set(), 300)
    assert [at_ns for at_ns, one in found if isinstance(one, FrameRecord)] == frames_ns
    last = [one for _, one in found if isinstance(one, TileRecord)][-1]
    assert last.pixels[0][0, [1, 7, 9], 0].tolist() == [1, 7, 9]


def test_the_picture_of_an_unrecorded_press_does_not_tell_of_it(gate: Gate) -> None:
    patch = Patch(Rect(0, 0, 5, 5), np.ones((5, 5, 3), np.uint8))
    gate.pictures([_held(100, patch)], no_events(), {100}, 100)
    assert gate.pictures([_held(200)], no_events(), set(), 200) == []
    found = gate.pictures([_held(300, patch)], no_events(), set(), 300)
    (frame,) = [record for _, record in found]
    assert (frame.cause, frame.t_ns) == (FrameCause.DAMAGE, 260)
    found = gate.pictures([_held(400)], no_events(), {400}, 400)
    (frame,) = [record for _, record in found]
    assert (frame.cause, frame.t_ns) == (FrameCause.PRESS, 400)


def test_input_of_an_instant_comes_after_its_frame() -> None:
    events = _events((1, MOVE, 0, 0), (2, DOWN, 1, 0), (3, UP, 1, 0))
    others = [(3, MarkRecord(3, "gap")), (2, DirtyRecord(2))]
    merged = merge(events, others)
    kinds = [type(record) for record in merged]
    assert kinds == [InputRecord, DirtyRecord, InputRecord, MarkRecord, InputRecord]
    times = [r.events["t_ns"].tolist() for r in merged if isinstance(r, InputRecord)]
    assert times == [[1], [2], [3]]
