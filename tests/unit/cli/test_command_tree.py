"""Every command has help for what it takes, --json, exit codes, and a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from overt.cli.__main__ import COMMANDS, main
from overt.cli.output import plain
from overt.protocol import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
PAGES = " ".join(
    " ".join(page.read_text().split())
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
)
SPECIFIED = """
    never app|site|window|list|remove; limits; autostart; keyring; uninstall
    redact classify
    programme create|show|invite|halt|resume; enrol; record; status; pause; resume
    consent show|give|withdraw|receipt; task begin|end; review; send; export; serve
    fetch; recovery ask|cosign|object
    access request|approve|list; release; refine; train; evaluate; log verify|key
    doctor; witness; who-read; exposure; fsck
    inspect; key new; console open; my; forget; stop; redact text|image
    access show; programme change; derived register|list|decide|export
    backup; restore
"""
EXIT = re.compile(r"^ +(\d+)  (.+)$", re.MULTILINE)


def leaves(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


TREE = dict(leaves())
every = pytest.mark.parametrize("path", TREE, ids=" ".join)


def test_the_commands_are_those_that_were_promised() -> None:
    promised = set()
    for item in re.split(r"[;\n]", SPECIFIED):
        words = item.split()
        if words:
            last = words[1].split("|") if len(words) > 1 else [""]
            promised |= {(words[0], *filter(None, [one])) for one in last}
    assert set(TREE) == promised


@every
def test_it_takes_json(path: tuple[str, ...]) -> None:
    params = TREE[path].params
    assert [one.name for one in params if "--json" in one.opts] == ["as_json"]


@every
def test_it_documents_its_exit_codes(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0
    told = EXIT.findall(shown.output.partition("Exit codes:")[2])
    known = {
        str(kind.exit_code)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.OvertError)
    }
    codes = [code for code, _ in told]
    assert codes[:3] == ["0", "1", "2"]
    assert codes == sorted(set(codes))
    assert set(codes) <= {"0", *known}


@every
def test_all_that_it_takes_has_help(path: tuple[str, ...]) -> None:
    command = TREE[path]
    assert command.help
    assert command.help.splitlines()[0].endswith((".", "?"))
    for one in command.params:
        if isinstance(one, click.Option):
            assert one.help, one.opts
            assert one.help.endswith((".", "?")), one.opts
        else:
            choices = getattr(one.type, "choices", ())
            shown = choices or [(one.metavar or one.name or "").upper()]
            assert all(word in command.help for word in shown), one.name


@every
def test_a_page_tells_of_it(path: tuple[str, ...]) -> None:
    assert f"overt {' '.join(path)}" in PAGES


@pytest.mark.parametrize("name", sorted({path[0] for path in TREE if len(path) > 1}))
def test_a_group_says_what_it_holds(name: str) -> None:
    shown = CliRunner().invoke(main, [name, "--help"]).output
    for path, command in TREE.items():
        if path[0] == name:
            assert command.get_short_help_str(200).split(".")[0][:30] in shown


def test_the_whole_help_names_every_command() -> None:
    shown = CliRunner().invoke(main, ["-h"]).output
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["access"],
        ["status", "--nonsense", "--json"],
        ["pause", "-5"],
        ["pause", "soon", "--json"],
        ["task", "end", "perhaps"],
        ["task", "end"],
        ["serve", "--data", "x", "--port", "70000"],
        ["train", "--job", "no-such-folder"],
        ["access", "request", "--days", "0"],
    ],
    ids=" ".join,
)
def test_a_malformed_command_ends_with_2(words: list[str]) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    if "--json" in words:
        told: dict[str, Any] = json.loads(result.stderr)
        assert told["exit_code"] == 2
        assert told["error"]


def test_a_system_error_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "/spool/x")

    monkeypatch.setattr("overt.cli.inspect.inspect_file", full)
    result = CliRunner().invoke(main, ["inspect", "x", "--json"])
    assert result.exit_code == 1
    error = "/spool/x: No space left on device."
    assert json.loads(result.stderr)["error"] == error


def test_foreign_text_hides_nothing() -> None:
    assert plain("a\nb\x1b[2J\u202ec é ✓") == "a<U+000A>b<U+001B>[2J<U+202E>c é ✓"
