"""Which field has the keyboard focus, and whether keys typed into it may be kept.

Stage: values that the accessibility bus yields and the quarantine judges by. Input:
role, object reference and toolkit of an accessible object. Output: `Focus`. Never
talks to a bus, never holds a name, a value or a text of the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Ref = tuple[str, str]  # bus name of the application, object path

PASSWORD_ROLE: Final = "password text"  # noqa: S105 - the name of a role
# Roles that say nothing about what the keys are for. A terminal asks for passwords
# in the same object that shows everything else.
_MUTE_ROLES: Final = frozenset({"", "unknown", "invalid", "terminal"})
# GTK 4 reports a password entry as a plain text box.
_TRUSTED_TOOLKITS: Final = frozenset({"chromium", "gecko", "gail", "gtk", "qt"})


@dataclass(frozen=True, slots=True)
class Focus:
    """A field that has, or had, the keyboard focus.

    Attributes:
        ref: The accessible object; None where it could not be asked.
        role: AT-SPI role name; empty where it could not be asked.
        is_password: Whether the role is that of a password field.
        trusted: Whether the toolkit tells password fields from others.
        embedded: URL of the embedded document that holds it; empty where none does.
    """

    ref: Ref | None
    role: str
    is_password: bool
    trusted: bool
    embedded: str = ""

    @property
    def keeps_keys(self) -> bool:
        """Whether keys typed here may be kept: known, trusted, no password."""
        known = self.ref is not None and self.role not in _MUTE_ROLES
        return known and self.trusted and not self.is_password


UNKNOWN: Final = Focus(ref=None, role="", is_password=False, trusted=False)


@dataclass(frozen=True, slots=True)
class FocusChange:
    """An application said that a field got the focus.

    Attributes:
        t_ns: When the word arrived, CLOCK_MONOTONIC. The focus itself moved up to
            160 ms earlier (measured).
        focus: The field.
    """

    t_ns: int
    focus: Focus


def focus_of(ref: Ref, role: str, toolkit: str, version: str) -> Focus:
    """Return the focus on an object of an application built with a toolkit."""
    return Focus(
        ref=ref,
        role=role,
        is_password=role == PASSWORD_ROLE,
        trusted=is_trusted(toolkit, version),
    )


def is_trusted(toolkit: str, version: str) -> bool:
    """Whether a toolkit's role tells a password field from a plain text box."""
    name = toolkit.strip().lower()
    if name == "gtk" and not version.startswith(("2.", "3.")):
        return False
    return name in _TRUSTED_TOOLKITS
