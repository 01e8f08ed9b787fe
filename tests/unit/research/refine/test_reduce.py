"""Events become the actions that a person would say they did."""

from __future__ import annotations

from typing import Any

import pytest

from overt.desktop.keyboard.keysyms import text
from overt.protocol.actions import Action, Click, Drag, Key, Scroll, Type
from overt.research.refine.keysyms import combo_of, name_of
from overt.research.refine.reduce import reduce_events
from overt.research.refine.timeline import Timeline

CONTROL, ALT, SHIFT = 4, 8, 1


def actions_of(desk: Any) -> list[Action]:
    timeline = Timeline(desk.finish())
    secrets = [mark.t_ns for mark in timeline.marks if mark.kind == "secret"]
    return [item.action for item in reduce_events(timeline.events, secrets)]


def test_click_stands_where_it_was_pressed(desk: Any) -> None:
    desk.glide(50, 60)
    desk.press()
    desk.at = (53, 62)
    desk.wait(40)
    desk.release()
    assert actions_of(desk) == [Click(50, 60)]


@pytest.mark.parametrize(("times", "count"), [(2, 2), (3, 3)])
def test_quick_clicks_at_one_place_are_one(desk: Any, times: int, count: int) -> None:
    for _ in range(times):
        desk.click()
        desk.wait(90)
    assert actions_of(desk) == [Click(10, 10, count=count)]


def test_slow_or_distant_clicks_stay_apart(desk: Any) -> None:
    desk.click()
    desk.wait(500)
    desk.click()
    desk.at = (16, 10)
    desk.wait(50)
    desk.click(3)
    expected = [Click(10, 10), Click(10, 10), Click(16, 10, "right")]
    assert actions_of(desk) == expected


def test_press_and_distant_release_is_a_drag(desk: Any) -> None:
    desk.press()
    desk.glide(70, 40)
    desk.release()
    assert actions_of(desk) == [Drag(10, 10, 70, 40)]


def test_wheel_steps_merge_and_a_pause_parts_them(desk: Any) -> None:
    for button in (5, 5, 7):
        desk.click(button, held_ms=2)
    desk.wait(1500)
    desk.click(4)
    assert actions_of(desk) == [Scroll(10, 10, 1, 2), Scroll(10, 10, 0, -1)]


@pytest.mark.parametrize(
    ("button", "steps"), [(4, (0, -2)), (5, (0, 2)), (6, (-2, 0)), (7, (2, 0))]
)
def test_each_wheel_button_has_its_direction(
    desk: Any, button: int, steps: tuple[int, int]
) -> None:
    for _ in range(2):
        desk.click(button, held_ms=2)
    assert actions_of(desk) == [Scroll(10, 10, *steps)]


def test_a_drag_does_not_go_on_with_the_click_before_it(desk: Any) -> None:
    desk.click()
    desk.wait(1000)
    desk.press()
    desk.glide(70, 40)
    desk.release()
    assert actions_of(desk) == [Click(10, 10), Drag(10, 10, 70, 40)]


def test_typing_is_the_final_text(desk: Any) -> None:
    desk.type("Hello wrl", "BackSpace", "BackSpace", "orld")
    assert actions_of(desk) == [Type("Hello world")]


def test_backspace_past_the_burst_stays_a_key(desk: Any) -> None:
    desk.type("a", "BackSpace", "BackSpace", "b")
    assert actions_of(desk) == [Key("BackSpace"), Type("b")]


def test_burst_taken_back_whole_is_no_action(desk: Any) -> None:
    desk.type("ab", "BackSpace", "BackSpace")
    assert actions_of(desk) == []


def test_keys_and_clicks_end_a_burst_and_pauses_do_not(desk: Any) -> None:
    desk.type("a")
    desk.wait(9000)
    desk.type("b", "Tab", "c")
    desk.click()
    desk.type("d", "Return")
    assert actions_of(desk) == [
        Type("ab"),
        Key("Tab"),
        Type("c"),
        Click(10, 10),
        Type("d"),
        Key("Return"),
    ]


def test_combination_begins_with_its_modifier(desk: Any) -> None:
    desk.event(4, 0xFFE3)
    first_ms = desk.now_ms
    desk.wait(30)
    desk.key(ord("a"), CONTROL)
    desk.event(5, 0xFFE3, CONTROL)
    timeline = Timeline(desk.finish())
    (reduced,) = reduce_events(timeline.events)
    assert reduced.action == Key("ctrl+a")
    assert reduced.t_first_ns == first_ms * 1_000_000
    assert reduced.t_press_ns == (first_ms + 30) * 1_000_000
    assert reduced.events == (0, 1, 2, 3)


def test_each_secret_mark_is_one_typing_in_its_place(desk: Any) -> None:
    desk.click()
    desk.wait(10)
    desk.mark("secret")
    desk.wait(10)
    desk.type("Tab")
    desk.mark("secret")
    desk.wait(10)
    desk.type("Return")
    assert actions_of(desk) == [
        Click(10, 10),
        Type(secret=True),
        Key("Tab"),
        Type(secret=True),
        Key("Return"),
    ]


def test_only_events_within_the_bounds_count(desk: Any) -> None:
    desk.type("before")
    low = desk.now_ms * 1_000_000
    desk.wait(1)
    desk.type("in")
    high = desk.now_ms * 1_000_000
    desk.type("after")
    events = Timeline(desk.finish()).events
    (reduced,) = reduce_events(events, within=(low, high))
    assert reduced.action == Type("in")


@pytest.mark.parametrize(
    ("keysym", "typed"),
    [(0x41, "A"), (0xE9, "é"), (0x010020AC, "€"), (0xFFB7, "7"), (0xFF0D, "")],
)
def test_text_of_keysyms(keysym: int, typed: str) -> None:
    assert text(keysym) == typed


@pytest.mark.parametrize(
    ("keysym", "state", "combo"),
    [
        (ord("T"), CONTROL | SHIFT, "ctrl+shift+t"),
        (0xFE20, SHIFT, "shift+Tab"),
        (0xFFC1, ALT, "alt+F4"),
        (ord("+"), CONTROL, "ctrl+plus"),
        (0xFF95, 0, "Home"),
        (0xE9, CONTROL, "ctrl+U00E9"),
    ],
)
def test_names_of_combinations(keysym: int, state: int, combo: str) -> None:
    assert combo_of(keysym, state) == combo


def test_unknown_keysym_is_named_by_number() -> None:
    assert name_of(0x1008FF11) == "0x1008ff11"


def test_dead_keys_and_compose_type_what_they_make(desk: Any) -> None:
    for keysym in (ord("R"), 0xFE51, ord("e"), 0xFF20, ord("o"), ord("c"), 0xFE51):
        desk.key(keysym)
    assert actions_of(desk) == [Type("R\u00e9\u00a9")]


def test_a_sequence_that_types_nothing_is_no_action(desk: Any) -> None:
    desk.key(0xFE51)
    desk.key(ord("q"))
    desk.key(0xFF0D)
    assert actions_of(desk) == [Key("Return")]


def test_letters_of_other_scripts_are_text(desk: Any) -> None:
    for keysym in (0x6C6, 0x6D9, 0x7F3):
        desk.key(keysym)
    assert actions_of(desk) == [Type("\u0444\u044b\u03c2")]
