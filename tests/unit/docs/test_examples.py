"""Every example in the documentation runs, or says here what it would need."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from overt.cli.__main__ import main
from overt.protocol import keyfile

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = {
    "sam": ["steward"],
    "ria": ["representative", "approver"],
    "ana": ["approver"],
    "res": ["researcher"],
    "aud": ["auditor"],
}
# page, number of the block in it; `serve` starts the servers, which end with the test
STORY = [
    ("steward", 0), ("operator", 0), ("files", 0), ("steward", 1), ("steward", 2),
    ("operator", 1), ("steward", 3), ("steward", 4), ("participant", 0),
    ("participant", 1), ("participant", 2), ("participant", 3), ("researcher", 0),
    ("researcher", 1), ("files", 1), ("approver", 0), ("approver", 1), ("approver", 2),
    ("approver", 3),
    ("auditor", 0), ("auditor", 1), ("auditor", 2), ("auditor", 3), ("steward", 5),
    ("approver", 4), ("researcher", 2), ("researcher", 3), ("researcher", 4),
    ("researcher", 5),
    ("operator", 3),
]  # fmt: skip
# what ends otherwise here than with 0: no display, nothing recorded, nobody granted
EXPECTED = {
    "doctor": 4,
    "record": 4,
    "release": 7,
    "refine": 8,
    "train": 8,
    "evaluate": 8,
}
NOT_RUN = {("operator", 2): "the servers apart", ("overt my",): "serves until Ctrl+C"}
PASSPHRASE = "words that nobody else has"  # noqa: S105 - of a test alone


def shell(book: Any) -> list[Any]:
    return list(book.blocks("sh", "console"))


def test_commands_in_blocks_parse(book: Any) -> None:
    """Options exist, what is required is given, nothing is left over."""
    count = 0
    for block in shell(book):
        for words in block.lines():
            if words[0] != "overt":
                continue
            command, left = book.find(words[1:])
            assert not isinstance(command, click.Group), words
            context = click.Context(command)
            given, rest, _ = command.make_parser(context).parse_args(list(left))
            assert not rest, words
            for one in command.params:
                value = given.get(str(one.name))
                is_set = value not in (None, ()) and "UNSET" not in repr(value)
                by_door = isinstance(one.envvar, str) and one.envvar in block_env(book)
                assert is_set or by_door or not one.required, (one.name, words)
            count += 1
    assert count > 40


def block_env(book: Any) -> set[str]:
    """Return the variables that pages export."""
    return {
        word.partition("=")[0]
        for block in shell(book)
        for words in block.lines()
        if words[0] == "export"
        for word in words[1:]
    }


def test_every_block_is_of_the_story_or_of_make(book: Any) -> None:
    told = {f"docs/roles/{page}.md" for page, _ in STORY}
    makefile = (book.root / "Makefile").read_text()
    make = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for block in shell(book):
        programs = {words[0] for words in block.lines()}
        assert programs <= {"overt", "export", "make"}, block.page
        assert "overt" not in programs or block.page in told, block.page
        for words in block.lines():
            if words[0] == "make":
                assert words[1] in make, words
    for page in ("steward", "operator", "participant", "researcher", "approver"):
        name = f"docs/roles/{page}.md"
        numbers = range(sum(block.page == name for block in shell(book)))
        known = {*STORY, *(key for key in NOT_RUN if len(key) == 2)}
        assert {(page, number) for number in numbers} <= known, page


def test_python_in_blocks_runs(book: Any, tmp_path: Path) -> None:
    for block in book.blocks("python"):
        file = tmp_path / "example.py"
        file.write_text(block.text)
        subprocess.run([sys.executable, str(file)], check=True, cwd=tmp_path)


def test_json_in_blocks_is_json(book: Any) -> None:
    for block in book.blocks("json"):
        json.loads(block.text)


class Village:
    """A folder in which the pages' commands run as they stand."""

    def __init__(self, folder: Path, book: Any) -> None:
        self.folder, self.book = folder, book
        self.urls: dict[str, str] = {}
        self.request = ""
        passphrase = folder / "passphrase"
        passphrase.write_text(PASSPHRASE + "\n")
        passphrase.chmod(0o600)
        self.env = {
            "OVERT_PASSPHRASE_FILE": str(passphrase),
            "OVERT_HOME": str(folder / "home"),
            "DISPLAY": ":54321",
        }

    def block(self, page: str, number: int) -> list[list[str]]:
        name = f"docs/roles/{page}.md"
        found = [block for block in shell(self.book) if block.page == name]
        lines: list[list[str]] = found[number].lines()
        return lines

    def real(self, word: str) -> str:
        """Put this run's addresses and request in place of the page's."""
        for told, name in (("8000", "vault"), ("8001", "broker")):
            word = word.replace(f"http://127.0.0.1:{told}", self.urls.get(name, ""))
        return self.request if word == "REQUEST" else word

    def run(self, words: list[str]) -> None:
        if words[0] == "export":
            self.env |= dict(self.real(word).split("=", 1) for word in words[1:])
            return
        arguments = [self.real(word) for word in words[1:]]
        if words[1:3] == ["programme", "resume"]:
            time.sleep(1.1)  # orders count by the second; within one the halt holds
        if tuple(words[:2]) == ("overt", "my"):
            return
        done = CliRunner().invoke(main, arguments, input="y\n" * 9, env=self.env)
        expected = EXPECTED.get(words[1], 0)
        assert done.exit_code == expected, (words, done.output, done.stderr)
        if words[1:3] == ["access", "request"]:
            self.request = re.findall(r"request: (\S+)", done.stdout)[0]

    def files(self, number: int) -> None:
        """Do what a page says in words: hand files over, write the programme."""
        if number == 1:
            shutil.copy("job/request.json", "request.json")
            return
        shutil.copy("server/services.json", "services.json")
        page = (self.book.root / "docs/spec/programme.md").read_text()
        text = page.split("```toml\n")[1].split("```")[0].split("[[roster]]")[0]
        for name, roles in ROLES.items():
            about = json.loads(Path(f"{name}.key").read_text())["about"]
            text += f'[[roster]]\nname = "{name}"\nroles = {json.dumps(roles)}\n'
            text += f'key = "{about["public"]}"\n'
        Path("programme.toml").write_text(text)

    @contextmanager
    def serving(self, words: list[str]) -> Iterator[None]:
        """Run the page's own command, but on ports that are free here."""
        without = [word for word in words[1:] if not word.startswith(("--port", "80"))]
        without = [word for word in without if word != "--broker-port"]
        process = subprocess.Popen(
            [sys.executable, "-m", "overt.cli", *without],
            env=os.environ | self.env,
            stdout=subprocess.DEVNULL,
        )
        try:
            notes = Path("server/addresses.json")
            until = time.monotonic() + 240
            while not notes.exists() and time.monotonic() < until:
                assert process.poll() is None
                time.sleep(0.05)
            self.urls = json.loads(notes.read_text())
            yield
        finally:
            process.terminate()
            assert process.wait(120) == 0


@pytest.fixture
def village(tmp_path: Path, book: Any, monkeypatch: pytest.MonkeyPatch) -> Village:
    monkeypatch.setattr(keyfile, "SCRYPT_N", 16)
    monkeypatch.chdir(tmp_path)
    return Village(tmp_path, book)


@pytest.mark.loopback
def test_the_pages_of_the_roles_tell_one_story(village: Village) -> None:
    (start,) = [at for at, one in enumerate(STORY) if one == ("operator", 1)]
    for part in STORY[:start]:
        tell(village, *part)
    (serve,) = village.block("operator", 1)
    with village.serving(serve):
        for part in STORY[start + 1 :]:
            tell(village, *part)


def tell(village: Village, page: str, number: int) -> None:
    if page == "files":
        village.files(number)
        return
    for words in village.block(page, number):
        village.run(words)
