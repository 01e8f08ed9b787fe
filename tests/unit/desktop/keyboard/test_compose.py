"""Dead keys and Compose type what libxkbcommon makes of them.

`python tests/unit/desktop/keyboard/test_compose.py` writes the table of sequences anew
from libX11's Compose file: each sequence that begins with a dead key or Compose, and of
which libxkbcommon makes the text that the file says.
"""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from overt.desktop.keyboard.compose import Composer, composes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOCALE = "en_US.UTF-8"
COMPOSE = Path("/usr/share/X11/locale") / LOCALE / "Compose"
TABLE = Path("src/overt/desktop/keyboard/sequences.txt")
HEAD = """\
# Sequences of keysyms (hexadecimal) and what they type, from libX11's Compose file for
# en_US.UTF-8; X11 licence (MIT), Copyright the X.Org Foundation and others.
# Made by tests/unit/desktop/keyboard/test_compose.py.
"""
COMPOSED, LINE = 2, re.compile(r'((?:<\w+>\s*)+):\s*"((?:\\.|[^"\\])+)"')
ACUTE, CIRCUMFLEX, MULTI = 0xFE51, 0xFE52, 0xFF20
SHIFT, RETURN, BACKSPACE = 0xFFE1, 0xFF0D, 0xFF08


class Library:
    """The system's libxkbcommon with the table of one locale."""

    def __init__(self) -> None:
        self._lib = lib = ctypes.CDLL("libxkbcommon.so.0")
        for made in ("context_new", "compose_table_new_from_locale"):
            getattr(lib, f"xkb_{made}").restype = ctypes.c_void_p
        lib.xkb_compose_state_new.restype = ctypes.c_void_p
        context = ctypes.c_void_p(lib.xkb_context_new(0))
        table = lib.xkb_compose_table_new_from_locale(context, LOCALE.encode(), 0)
        new = lib.xkb_compose_state_new(ctypes.c_void_p(table), 0)
        self._state = ctypes.c_void_p(new)

    def keysym(self, name: str) -> int:
        return int(self._lib.xkb_keysym_from_name(name.encode(), 0))

    def composed(self, keysyms: Sequence[int]) -> str:
        """Return what a whole sequence types; empty where it is none."""
        self._lib.xkb_compose_state_reset(self._state)
        for keysym in keysyms:
            self._lib.xkb_compose_state_feed(self._state, keysym)
        if self._lib.xkb_compose_state_get_status(self._state) != COMPOSED:
            return ""
        buffer = ctypes.create_string_buffer(64)
        self._lib.xkb_compose_state_get_utf8(self._state, buffer, 64)
        return buffer.value.decode()

    def sequences(self) -> Iterator[tuple[list[int], str]]:
        for line in COMPOSE.read_text("utf-8").splitlines():
            if not (found := LINE.match(line)):
                continue
            keysyms = [self.keysym(name) for name in re.findall(r"\w+", found[1])]
            text = re.sub(r"\\(.)", r"\1", found[2])
            if composes(keysyms[0]) and self.composed(keysyms) == text:
                yield keysyms, text


def typed(keysyms: Sequence[int]) -> str:
    composer = Composer()
    return "".join(composer.press(keysym) or "" for keysym in keysyms)


def test_sequences_type_what_libxkbcommon_makes_of_them() -> None:
    if not COMPOSE.exists():
        pytest.skip("this machine has no Compose file")
    sequences = list(Library().sequences())
    others = [text for keysyms, text in sequences if typed(keysyms) != text]
    assert len(sequences) > 5000
    assert len(others) <= len(sequences) // 100  # another version of libX11 has others


@pytest.mark.parametrize(
    ("keysyms", "text"),
    [
        ((ACUTE, ord("e")), "é"),
        ((CIRCUMFLEX, SHIFT, ord("O")), "Ô"),
        ((ACUTE, ord(" ")), "'"),
        ((ACUTE, ACUTE), "\u00b4"),
        ((ACUTE, 0x7E1), "ά"),  # Greek alpha
        ((MULTI, ord("1"), ord("2")), "½"),
        ((MULTI, ord("<"), ord("3")), "♥"),
        ((MULTI, ord("'"), SHIFT, ord("E")), "É"),
        ((ACUTE, CIRCUMFLEX, ord("a")), "ấ"),
    ],
)
def test_a_sequence_commits_once_at_its_end(keysyms: list[int], text: str) -> None:
    composer = Composer()
    said = [composer.press(keysym) for keysym in keysyms]
    assert (said[-1], "".join(one or "" for one in said)) == (text, text)
    assert not composer.broke


def test_keys_outside_a_sequence_type_themselves() -> None:
    composer = Composer()
    assert [composer.press(key) for key in (ord("a"), 0x6C1, RETURN, BACKSPACE)] == [
        "a",
        "\u0430",
        None,
        None,
    ]


def test_a_sequence_that_is_none_types_nothing_and_says_so() -> None:
    composer = Composer()
    assert [composer.press(key) for key in (ACUTE, ord("q"))] == ["", ""]
    assert composer.broke
    assert composer.press(ord("q")) == "q"
    assert not composer.broke


@pytest.mark.parametrize(("key", "said"), [(RETURN, None), (BACKSPACE, "")])
def test_a_key_that_types_nothing_ends_a_sequence(key: int, said: str | None) -> None:
    composer = Composer()
    composer.press(MULTI)
    assert composer.press(key) == said
    assert composer.broke
    assert composer.press(ord("e")) == "e"


def test_a_sequence_can_be_forgotten() -> None:
    composer = Composer()
    composer.press(ACUTE)
    composer.reset()
    assert composer.press(ord("e")) == "e"


if __name__ == "__main__":
    lines = dict.fromkeys(
        " ".join(f"{keysym:x}" for keysym in keysyms) + f"\t{text}"
        for keysyms, text in Library().sequences()
    )
    TABLE.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
