"""Action types of a policy: which kinds of actions the data has.

Stage: learn. Input: actions. Output: labels such as `click`, `click:right:1`, `type`,
`secret`, `key:ctrl+a`, `scroll:0:3`, `done`, and `Labels`, their numbering. Where an
action happens and what is typed is no part of its label.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from overt.protocol.actions import Action, Click, Done, Key, Scroll, Type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from overt.protocol.actions import Button

CLICK, TYPE, SECRET, DONE = "click", "type", "secret", "done"
_BUTTONS: dict[str, Button] = {"left": "left", "middle": "middle", "right": "right"}


def label_of(action: Action) -> str | None:
    """Return the label of an action; None for kinds that the policy cannot do."""
    match action:
        case Click():
            plain = (action.button, action.count) == ("left", 1)
            return CLICK if plain else f"click:{action.button}:{action.count}"
        case Scroll():
            return f"scroll:{action.dx}:{action.dy}"
        case Type():
            return SECRET if action.secret else TYPE
        case Key():
            return f"key:{action.combo}"
        case Done():
            return DONE
    return None  # a drag


def is_placed(label: str) -> bool:
    """Whether actions of a label happen at a place."""
    return label.partition(":")[0] in {"click", "scroll"}


def action_of(label: str, place_px: tuple[int, int], text: str) -> Action:
    """Return the action that a label, a place and a text make.

    Args:
        label: One of `label_of`.
        place_px: Root pixel, for clicks and scrolls.
        text: For typing.
    """
    kind, _, rest = label.partition(":")
    match kind:
        case "click":
            button, _, count = (rest or "left:1").partition(":")
            return Click(*place_px, _BUTTONS.get(button, "left"), int(count))
        case "scroll":
            dx, _, dy = rest.partition(":")
            return Scroll(*place_px, int(dx), int(dy))
        case "key":
            return Key(rest)
        case "type":
            return Type(text)
        case "secret":
            return Type(secret=True)
    return Done()


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a data set, numbered by frequency.

    Attributes:
        names: Labels in the order of their numbers.
    """

    names: tuple[str, ...]

    @classmethod
    def of(cls, labels: Iterable[str]) -> Labels:
        """Number the labels of a data set; the most frequent is 0."""
        counts = Counter(labels)
        return cls(tuple(sorted(counts, key=lambda name: (-counts[name], name))))

    @property
    def start(self) -> int:
        """Number that stands for `no action yet` in the history."""
        return len(self.names)

    @property
    def history_size(self) -> int:
        """How many numbers the history may hold: labels, start, any other."""
        return len(self.names) + 2

    def number(self, label: str | None) -> int:
        """Return a label's number; that of `any other` where it is not known."""
        try:
            return self.names.index(label or "")
        except ValueError:
            return len(self.names) + 1
