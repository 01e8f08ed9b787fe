"""Events to actions: clicks, drags, scrolls, typing with its edits resolved, keys.

Stage: refine, second step. Input: the events and the `secret` marks of one stretch of
time, in the order of the stream. Output: `Reduced` actions, each with its instants and
the indices of its events. It never looks at the screen, and what belongs to no action
is a movement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from overt.desktop.keyboard.compose import Composer
from overt.desktop.keyboard.keysyms import changes_others
from overt.protocol.actions import Action, Button, Click, Drag, Key, Scroll, Type
from overt.protocol.records import SYNTHETIC, EventKind
from overt.research.refine.keysyms import (
    BACKSPACE,
    CONTROL,
    MOD1,
    MOD4,
    combo_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from overt.protocol.records import EventArray

MULTI_CLICK_NS = 400_000_000
MULTI_CLICK_PX = 4.0
DRAG_PX = 5.0
SCROLL_PAUSE_NS = 1_000_000_000
Doer = Literal["hand", "program"]
_BUTTONS: dict[int, Button] = {1: "left", 2: "middle", 3: "right"}
_WHEEL = {4: (0, -1), 5: (0, 1), 6: (-1, 0), 7: (1, 0)}


@dataclass(frozen=True, slots=True)
class Reduced:
    """An action as the events tell it.

    Attributes:
        action: What was done.
        t_first_ns: Its first event; for keys the first key of the burst, held
            modifiers included.
        t_press_ns: Its (first) press.
        t_end_ns: Its last event.
        events: Indices of its events; empty for a secret.
    """

    action: Action
    t_first_ns: int
    t_press_ns: int
    t_end_ns: int
    events: tuple[int, ...]


class _Event(NamedTuple):
    """One row of the event array as plain values, with its place in the array."""

    place: int
    t_ns: int
    kind: int
    state: int
    x_px: int
    y_px: int
    detail: int


@dataclass(slots=True)
class _Open:
    """An action that later events may still change."""

    kind: str  # click, scroll, type, key
    t_first_ns: int
    t_press_ns: int
    t_end_ns: int
    x_px: int = 0
    y_px: int = 0
    again_ns: int = 0  # newest press of a multiple click
    button: int = 0
    count: int = 1
    to_px: tuple[int, int] | None = None
    steps: tuple[int, int] = (0, 0)
    text: str = ""
    indices: list[int] = field(default_factory=list)

    def action(self) -> Action | None:
        """Return the action; None for a burst whose text was taken back whole."""
        match self.kind:
            case "scroll":
                return Scroll(self.x_px, self.y_px, *self.steps)
            case "type":
                return Type(self.text) if self.text else None
            case "key":
                return Key(self.text)
            case "secret":
                return Type(secret=True)
        button = _BUTTONS.get(self.button, "left")
        if self.to_px is not None:
            return Drag(self.x_px, self.y_px, *self.to_px, button)
        return Click(self.x_px, self.y_px, button, self.count)


def reduce_events(
    events: EventArray,
    secret_t_ns: Sequence[int] = (),
    *,
    within: tuple[int, int] | None = None,
) -> list[Reduced]:
    """Return the actions that events tell.

    Args:
        events: EVENT_DTYPE (n,) in stream order.
        secret_t_ns: Instants of `secret` marks; each becomes one secret typing.
        within: Nanoseconds (after, before): events outside are left out.
    """
    low, high = within or (-(1 << 62), 1 << 62)
    chosen = _rows(events, low, high)
    secrets = sorted(t_ns for t_ns in secret_t_ns if low < t_ns < high)
    reducer = _Reducer()
    for event in chosen:
        while secrets and secrets[0] < event.t_ns:
            reducer.secret(secrets.pop(0))
        reducer.take(event)
    for t_ns in secrets:
        reducer.secret(t_ns)
    return reducer.finish()


def doer(action: Reduced, events: EventArray) -> Doer | None:
    """Return who did an action: a program if any event of it is one's; None: unknown.

    Args:
        action: An action that these events told.
        events: EVENT_DTYPE (n,).
    """
    devices = events["device"][list(action.events)]
    if not devices.all() or not len(devices):
        return None
    return "program" if (devices & SYNTHETIC).any() else "hand"


def _rows(events: EventArray, after_ns: int, before_ns: int) -> list[_Event]:
    times = events["t_ns"]
    places = np.flatnonzero(
        (times > after_ns) & (times < before_ns) & (events["kind"] != EventKind.MOTION)
    )
    columns = ("t_ns", "kind", "state", "x_px", "y_px", "detail")
    values = [events[name][places].tolist() for name in columns]
    return [_Event(*row) for row in zip(places.tolist(), *values, strict=True)]


class _Reducer:
    """A pass over the events."""

    def __init__(self) -> None:
        self._done: list[_Open] = []
        self._pressed: dict[int, _Open] = {}  # button: its open click
        self._held: list[_Event] = []  # modifiers that no key has used yet
        self._composer = Composer()
        self._keys: dict[int, _Open] = {}  # keysym down: the action it belongs to

    @property
    def _last(self) -> _Open | None:
        return self._done[-1] if self._done else None

    def finish(self) -> list[Reduced]:
        return [
            Reduced(
                action,
                item.t_first_ns,
                item.t_press_ns,
                item.t_end_ns,
                tuple(item.indices),
            )
            for item in self._done
            if (action := item.action()) is not None
        ]

    def take(self, event: _Event) -> None:
        match event.kind:
            case EventKind.BUTTON_PRESS if event.detail in _WHEEL:
                self._scroll(event)
            case EventKind.BUTTON_PRESS:
                self._press(event)
            case EventKind.BUTTON_RELEASE:
                self._release(event)
            case EventKind.KEY_PRESS:
                self._key_press(event)
            case EventKind.KEY_RELEASE:
                self._key_release(event)

    def secret(self, t_ns: int) -> None:
        self._held.clear()
        self._composer.reset()
        self._done.append(_Open("secret", t_ns, t_ns, t_ns))

    def _press(self, event: _Event) -> None:
        self._composer.reset()
        last = self._last
        if last is not None and _continues(last, event):
            last.count += 1
            last.t_end_ns = event.t_ns
        else:
            last = _Open("click", event.t_ns, event.t_ns, event.t_ns)
            last.x_px, last.y_px, last.button = event.x_px, event.y_px, event.detail
            self._done.append(last)
        last.again_ns = event.t_ns
        last.indices.append(event.place)
        self._pressed[event.detail] = last

    def _release(self, event: _Event) -> None:
        if event.detail in _WHEEL:
            last = self._last
            if last is not None and last.kind == "scroll":
                last.indices.append(event.place)
            return
        click = self._pressed.pop(event.detail, None)
        if click is None:
            return
        click.t_end_ns = event.t_ns
        click.indices.append(event.place)
        way = math.dist((click.x_px, click.y_px), (event.x_px, event.y_px))
        if way > DRAG_PX and click.count == 1:
            click.to_px = (event.x_px, event.y_px)

    def _scroll(self, event: _Event) -> None:
        last = self._last
        if (
            last is None
            or last.kind != "scroll"
            or event.t_ns - last.t_end_ns > SCROLL_PAUSE_NS
        ):
            last = _Open("scroll", event.t_ns, event.t_ns, event.t_ns)
            last.x_px, last.y_px = event.x_px, event.y_px
            self._done.append(last)
        dx, dy = _WHEEL[event.detail]
        last.steps = (last.steps[0] + dx, last.steps[1] + dy)
        last.t_end_ns = event.t_ns
        last.indices.append(event.place)

    def _key_press(self, event: _Event) -> None:
        if not event.detail:  # a key that is not recorded
            return
        if changes_others(event.detail):
            self._held.append(event)
            return
        target = self._key_target(event)
        target.indices += [held.place for held in self._held] + [event.place]
        for held in self._held:
            self._keys[held.detail] = target
        self._held.clear()
        target.t_end_ns = event.t_ns
        self._keys[event.detail] = target

    def _key_target(self, event: _Event) -> _Open:
        """Return the action that a key press makes or goes on with."""
        last = self._last
        typing = last if last is not None and last.kind == "type" else None
        plain = not event.state & (CONTROL | MOD1 | MOD4)
        text = self._composer.press(event.detail) if plain else None
        if typing is not None and text is not None:
            typing.text += text
            return typing
        if typing is not None and plain and event.detail == BACKSPACE and typing.text:
            typing.text = typing.text[:-1]
            return typing
        first = self._held[0].t_ns if self._held else event.t_ns
        made = _Open("key" if text is None else "type", first, event.t_ns, event.t_ns)
        made.text = combo_of(event.detail, event.state) if text is None else text
        self._done.append(made)
        return made

    def _key_release(self, event: _Event) -> None:
        target = self._keys.pop(event.detail, None)
        last = self._last
        if target is None and last is not None and last.kind in {"type", "key"}:
            target = last  # shift went up before the letter: another keysym
        if target is not None:
            target.indices.append(event.place)
            target.t_end_ns = max(target.t_end_ns, event.t_ns)
        self._held = [held for held in self._held if held.detail != event.detail]


def _continues(last: _Open, event: _Event) -> bool:
    """Whether a press makes the click before it a double or triple click."""
    return (
        last.kind == "click"
        and last.button == event.detail
        and last.to_px is None
        and last.count < 3
        and event.t_ns - last.again_ns <= MULTI_CLICK_NS
        and math.dist((last.x_px, last.y_px), (event.x_px, event.y_px))
        <= MULTI_CLICK_PX
    )
