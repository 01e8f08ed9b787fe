"""Pages, their fenced blocks, and the commands that they show."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from overt.cli.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    text: str

    def lines(self) -> list[list[str]]:
        """Return the shell words of each line that is a command."""
        found = []
        for line in self.text.replace("\\\n", " ").splitlines():
            command = line.strip().removeprefix("$ ")
            if words := shlex.split(command, comments=True):
                found.append(words)
        return found


class Book:
    """All pages that readers read."""

    root = ROOT

    def __init__(self) -> None:
        self.pages = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])

    def name(self, page: Path) -> str:
        return page.relative_to(ROOT).as_posix()

    def blocks(self, *languages: str) -> Iterator[Block]:
        for page in self.pages:
            for _, language, text in _BLOCK.findall(page.read_text()):
                if language in languages:
                    yield Block(self.name(page), language, text)

    def find(self, words: list[str]) -> tuple[click.Command, list[str]]:
        """Follow words into the commands; return the command and what is left."""
        command: click.Command = main
        left = list(words)
        while isinstance(command, click.Group) and left:
            found = command.get_command(click.Context(command), left[0])
            assert found is not None, f"there is no command {' '.join(words)!r}"
            command, left = found, left[1:]
        return command, left

    def commands(
        self, group: click.Group = main, path: tuple[str, ...] = ()
    ) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        """Yield every command with its words."""
        for name in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), name)
            if isinstance(command, click.Group):
                yield (*path, name), command
                yield from self.commands(command, (*path, name))
            elif command is not None:
                yield (*path, name), command


@pytest.fixture(scope="session")
def book() -> Any:
    return Book()
