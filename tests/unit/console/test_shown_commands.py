"""The commands that pages show exist, with every option that is needed."""

from __future__ import annotations

import shlex

import click
import pytest

from overt.cli.__main__ import main
from overt.console import commands

SERVER = "http://127.0.0.1:8000"
SHOWN = {
    "open": commands.OPEN,
    "verify": commands.VERIFY_LOG,
    "request": commands.REQUEST,
    "approve": commands.approve("req_x", "O'Hara & Co", SERVER),
    "refuse": commands.refuse("req_x", "$(id)", SERVER),
    "halt": commands.halt(SERVER),
    "resume": commands.resume(SERVER),
}


def shell_words(text: str) -> list[str]:
    return shlex.split(text.replace("\\\n", " "))


@pytest.mark.parametrize("name", SHOWN)
def test_shown_commands_exist(name: str) -> None:
    program, *words = shell_words(SHOWN[name])
    assert program == "overt"
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    known = {option for one in command.params for option in one.opts}
    given = {word for word in words if word.startswith("--")} - {"--help"}
    assert given <= known
    if name != "request":
        needed = [one for one in command.params if one.required]
        assert all(
            given & set(one.opts) or isinstance(one, click.Argument) for one in needed
        )


def test_names_cannot_break_out_of_a_command() -> None:
    assert "O'Hara & Co" in shell_words(SHOWN["approve"])
    assert "$(id)" in shell_words(SHOWN["refuse"])
    assert "'$(id)'" in SHOWN["refuse"]
