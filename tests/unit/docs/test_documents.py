"""Documents name commands, options, files and tables that exist, and all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt.protocol.programme import SERVICES, programme_from_toml
from overt.protocol.signing import public_text

ROOT = Path(__file__).parents[3]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("C*.md")])
ROLES = "".join(page.read_text() for page in (ROOT / "docs/roles").glob("*.md"))
names = [page.relative_to(ROOT).as_posix() for page in PAGES]
# a command in backticks, which may run over a line; `overt mark v1` is a signed prefix
COMMAND = re.compile(r"`overt (?!\w+ v\d)([a-z][^`]*)`")


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_commands_and_options_that_a_page_names_exist(book: Any, page: Path) -> None:
    for line in COMMAND.findall(page.read_text()):
        words = line.split()
        command, left = book.find(words)
        known = {
            option
            for one in command.params
            for option in (*one.opts, *one.secondary_opts)
        }
        given = {word for word in left if word.startswith("-")}
        assert given <= known | {"--help"}, line


def test_every_command_stands_on_a_role_page(book: Any) -> None:
    for path, command in book.commands():
        if not isinstance(command, click.Group):
            assert f"overt {' '.join(path)}" in " ".join(ROLES.split()), path


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_programme_in_the_specification_is_one() -> None:
    page = (ROOT / "docs/spec/programme.md").read_text()
    text = page.split("```toml\n")[1].split("```")[0]
    steward, ana, rep = (
        public_text(Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)).public_key())
        for n in range(3)
    )
    text = text.replace('key = "..."', f'key = "{steward}"')
    text = text.replace('"..."', '"AQID"')
    for name, key in (("ana", ana), ("rep", rep)):
        roles = '["approver", "representative"]' if name == "rep" else '["approver"]'
        text += f'\n[[roster]]\nname = "{name}"\nroles = {roles}\nkey = "{key}"\n'
    programme = programme_from_toml(
        text, programme="prog_" + "a" * 26, services=dict.fromkeys(SERVICES, steward)
    )
    assert programme.dpia_covers_this
    assert programme.level_for(
        "Chromium", "https://intranet.example/tickets/7", "A ticket"
    )


def test_every_decision_is_on_the_list_of_decisions() -> None:
    folder = ROOT / "docs/adr"
    told = (folder / "README.md").read_text()
    for page in folder.glob("0*.md"):
        assert f"({page.name})" in told
