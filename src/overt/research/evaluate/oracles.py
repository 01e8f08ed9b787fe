"""Scripted solutions of 15 MiniWoB++ tasks: where to act, in which order.

Input: a page (to read where things are, never to act on it), the goal, a random
source for the order of free steps. Output: steps, read from the page one at a time as
the screen changes. A `ClickOn` names the places where a click would reach its target,
so a covered corner is never hit.

The worker turns steps into motion; what it recorded knows nothing of this file.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.errors import DataError

if TYPE_CHECKING:
    from random import Random

    from overt.research.evaluate.devtools import Page

Spot = tuple[int, int]
_FREE_ORDER_SHARE = 0.25
_SPOTS = """(() => {
 const wanted = [...document.querySelectorAll(%s)].filter(e =>
   e.getBoundingClientRect().width > 0 && (%s)(e));
 for (const e of wanted) {
  const r = e.getBoundingClientRect(), found = [], n = 8;
  for (let i = 0; i <= n; i++) for (let j = 0; j <= n; j++) {
   const x = Math.round(r.left + 2 + (r.width - 4) * i / n);
   const y = Math.round(r.top + 2 + (r.height - 4) * j / n);
   if (x < 0 || y < 0 || x >= 160 || y >= 210) continue;
   const hit = document.elementFromPoint(x + 0.5, y + 0.5);
   if (hit && (hit === e || e.contains(hit))) found.push([x, y]);
  }
  if (found.length) return found;
 }
 return [];
})()"""
_ANY = "e => true"


@dataclass(frozen=True, slots=True)
class ClickOn:
    """A click anywhere on a target; `spots` are page pixels that reach it."""

    spots: tuple[Spot, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """Text for the field that has the focus.

    Attributes:
        text: The text as it shall stand in the end.
        secret: Whether the field is a password field.
        editable: Whether a typo may be made and corrected on the way.
    """

    text: str
    secret: bool = False
    editable: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """A key or combination such as `Return` or `ctrl+a`."""

    combo: str


Step = ClickOn | Write | Press
Oracle = Callable[["Page", str, "Random"], Iterator[Step]]


def typeahead(options: list[str], text: str, start: int = 0) -> int:
    """Return the option that an open list selects while a text is typed.

    The selection stays while it still begins with what was typed, else it moves to
    the next option that does (case is ignored), wrapping round.
    """
    chosen = start
    for length in range(1, len(text) + 1):
        begun = text[:length].lower()
        order = [(chosen + k) % len(options) for k in range(len(options))]
        if length == 1:  # the first letter looks past what is selected
            order = [*order[1:], order[0]]
        match = (k for k in order if options[k].lower().startswith(begun))
        chosen = next(match, chosen)
    return chosen


def _on(page: Page, selector: str, test: str = _ANY, *, wait_s: float = 1.0) -> ClickOn:
    """Find the first visible element that matches and is not covered."""
    script = _SPOTS % (json.dumps(selector), test)
    deadline = time.monotonic() + wait_s
    while True:
        spots = page.evaluate(script)
        if spots:
            return ClickOn(tuple((int(x), int(y)) for x, y in spots))
        if time.monotonic() > deadline:
            raise DataError(f"No {selector!r} can be clicked on this page: skip it.")
        time.sleep(0.03)


def _says(text: str) -> str:
    """Return a JavaScript test for an element's exact text."""
    return f"e => e.textContent.trim() === {json.dumps(text.strip())}"


def _quoted(goal: str) -> list[str]:
    return re.findall(r'"([^"]*)"', goal)


def _part(pattern: str, goal: str) -> str:
    """Return what a goal says at the group of a pattern."""
    found = re.search(pattern, goal)
    if found is None:
        raise DataError("A goal does not have the form that its task promises.")
    return found.group(1)


def _click_test_2(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del goal, rng
    yield _on(page, "#subbtn")


def _click_dialog(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del goal, rng
    yield _on(page, ".ui-dialog-titlebar-close")


def _click_dialog_2(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    label = _quoted(goal)[0]
    if label == "x":
        yield _on(page, ".ui-dialog-titlebar-close")
    else:
        yield _on(page, ".ui-dialog-buttonset button", _says(label))


def _click_tab(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    yield _on(page, "#area ul a", _says(_part(r"(Tab #\d)", goal)))


def _click_button(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    yield _on(page, "#area button", _says(_quoted(goal)[0]))


def _click_link(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    yield _on(page, ".alink", _says(_quoted(goal)[0]))


def _focus_text_2(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    nth = _part(r"the (\d)", goal)
    yield _on(page, f"#tt{nth}")


def _boxes(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    wanted = _part(r"Select (.*) and click Submit", goal).split(", ")
    names = page.evaluate(
        "[...document.querySelectorAll('#boxes label')].map(e => e.textContent.trim())"
    )
    chosen = [name for name in names if name in wanted]
    if rng.random() < _FREE_ORDER_SHARE:
        rng.shuffle(chosen)
    for name in chosen:
        test = f"e => ({_says(name)})(e.parentElement) && !e.checked"
        yield _on(page, "#boxes label input", test)
    yield _on(page, "#subbtn")


def _enter_text(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    yield _on(page, "#tt")
    yield Write(_quoted(goal)[0], editable=True)
    yield _on(page, "#subbtn")


def _login_user(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    user, password = _quoted(goal)
    if rng.random() < _FREE_ORDER_SHARE / 2:
        yield _on(page, "#password")
        yield Write(password, secret=True)
        yield _on(page, "#username")
        yield Write(user, editable=True)
    else:
        yield _on(page, "#username")
        yield Write(user, editable=True)
        yield Press("Tab") if rng.random() < 0.7 else _on(page, "#password")
        yield Write(password, secret=True)
    yield _on(page, "#subbtn")


def _enter_password(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    password = _quoted(goal)[0]
    fields = ["#password", "#verify"]
    if rng.random() < _FREE_ORDER_SHARE / 2:
        fields.reverse()
    for field in fields:
        yield _on(page, field)
        yield Write(password, secret=True)
    yield _on(page, "#subbtn")


def _choose_list(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    wanted = _part(r"Select (.*) from the list", goal)
    options = page.evaluate(
        "[...document.getElementById('options').options].map(e => e.innerHTML)"
    )
    yield _on(page, "#options")
    yield Write(wanted)
    off = options.index(wanted) - typeahead(options, wanted)
    for _ in range(abs(off)):
        yield Press("Down" if off > 0 else "Up")
    yield Press("Return")
    yield _on(page, "#area button")


def _copy_paste(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del goal, rng
    yield _on(page, "#to-copy")
    yield Press("ctrl+a")
    yield Press("ctrl+c")
    yield _on(page, "#answer-input")
    yield Press("ctrl+v")
    yield _on(page, "#subbtn")


def _use_autocomplete(page: Page, goal: str, rng: Random) -> Iterator[Step]:
    del rng
    begun, *ended = _quoted(goal)
    ending = ended[0] if ended else ""
    yield _on(page, "#tags")
    yield Write(begun)
    test = (
        f"e => e.textContent.startsWith({json.dumps(begun)})"
        f" && e.textContent.endsWith({json.dumps(ending)})"
    )
    yield from _pick(page, test)
    yield _on(page, "#subbtn")


def _pick(page: Page, test: str) -> Iterator[Step]:
    """Click the menu's first matching item, or go there by keys if out of reach."""
    items = "[...document.querySelectorAll('.ui-menu-item')]"
    deadline = time.monotonic() + 2.0
    while not page.evaluate(f"{items}.some(e => e.offsetParent && ({test})(e))"):
        if time.monotonic() > deadline:
            raise DataError("The menu has no fitting item: skip it.")
        time.sleep(0.03)
    try:
        yield _on(page, ".ui-menu-item", test, wait_s=0.0)
    except DataError:
        nth = int(page.evaluate(f"{items}.findIndex({test})"))
        for _ in range(nth + 1):
            yield Press("Down")
        yield Press("Return")


ORACLES: dict[str, Oracle] = {
    "click-test-2": _click_test_2,
    "click-dialog": _click_dialog,
    "click-dialog-2": _click_dialog_2,
    "click-tab": _click_tab,
    "click-button": _click_button,
    "click-link": _click_link,
    "focus-text-2": _focus_text_2,
    "click-checkboxes": _boxes,
    "enter-text": _enter_text,
    "login-user": _login_user,
    "enter-password": _enter_password,
    "choose-list": _choose_list,
    "copy-paste": _copy_paste,
    "click-option": _boxes,
    "use-autocomplete": _use_autocomplete,
}
TASKS = tuple(ORACLES)
DEMO_TASKS = (
    "click-test-2",
    "click-dialog",
    "click-dialog-2",
    "click-tab",
    "enter-text",
    "choose-list",
)
SECRET_TASKS = ("login-user", "enter-password")
