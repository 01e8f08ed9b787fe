"""AT-SPI's state bits by name (`AtspiStateType` of the AT-SPI 2 interface).

Input: the reply of `Accessible.GetState`. Output: one number, or names. Never asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

STATE_NAMES: Final = (
    *("invalid", "active", "armed", "busy", "checked", "collapsed", "defunct"),
    *("editable", "enabled", "expandable", "expanded", "focusable", "focused"),
    *("has-tooltip", "horizontal", "iconified", "modal", "multi-line"),
    *("multiselectable", "opaque", "pressed", "resizable", "selectable", "selected"),
    *("sensitive", "showing", "single-line", "stale", "transient", "vertical"),
    *("visible", "manages-descendants", "indeterminate", "required", "truncated"),
    *("animated", "invalid-entry", "supports-autocompletion", "selectable-text"),
    *("is-default", "visited", "checkable", "has-popup", "read-only"),
)
ACTIVE: Final = 1 << STATE_NAMES.index("active")
EDITABLE: Final = 1 << STATE_NAMES.index("editable")
FOCUSED: Final = 1 << STATE_NAMES.index("focused")
SHOWN: Final = 1 << STATE_NAMES.index("showing") | 1 << STATE_NAMES.index("visible")


def state_bits(words: Sequence[int] | None) -> int:
    """Return the two 32-bit words of a state set as one number; None gives 0."""
    return sum(word << 32 * place for place, word in enumerate(words or ()))


def state_names(bits: int) -> list[str]:
    """Return the names of the states that are set, in AT-SPI's order."""
    return [name for place, name in enumerate(STATE_NAMES) if bits >> place & 1]


def is_shown(bits: int) -> bool:
    """Whether an object is visible and showing: on the screen, if not covered."""
    return bits & SHOWN == SHOWN
