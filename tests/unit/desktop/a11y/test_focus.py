"""Which fields may keep what is typed into them."""

from __future__ import annotations

import pytest

from overt.desktop.a11y.focus import UNKNOWN, focus_of
from overt.desktop.a11y.states import is_shown, state_bits, state_names


@pytest.mark.parametrize(
    ("role", "toolkit", "version", "keeps"),
    [
        ("entry", "Chromium", "1.0", True),
        ("document web", "Gecko", "128.0", True),
        ("text", "gtk", "3.24.38", True),
        ("text", "GTK", "4.8.3", False),
        ("text", "", "", False),
        ("text", "SomethingNew", "1", False),
        ("password text", "Chromium", "1.0", False),
        ("terminal", "gtk", "3.24.38", False),
        ("unknown", "Chromium", "1.0", False),
    ],
)
def test_keeps_keys(role: str, toolkit: str, version: str, *, keeps: bool) -> None:
    assert focus_of((":1.0", "/1"), role, toolkit, version).keeps_keys is keeps


def test_unknown_keeps_nothing() -> None:
    assert not UNKNOWN.keeps_keys


def test_states() -> None:
    bits = state_bits([0x43000102, 0x80])
    assert is_shown(bits)
    assert not is_shown(state_bits([0x1000100, 0]))
    assert not is_shown(state_bits(None))
    assert state_names(bits) == [
        *("active", "enabled", "sensitive", "showing", "visible", "is-default")
    ]
