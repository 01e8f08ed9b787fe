"""What the glossary says to avoid does not stand in pages or in the commands' help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# words that the glossary avoids for one thing and that are right for another
ELSEWHERE = {
    "action", "agent", "approval", "backend", "breach", "client", "delay", "demo",
    "download", "edit", "event", "export", "file", "frame", "lock", "mode", "model",
    "monitor", "pause", "permission", "recording", "role", "root", "sample", "setting",
    "subject", "terms", "token", "trial", "worker",
}  # fmt: skip
# a page where such a word stands for something else
RIGHT = {
    ("user", "docs/spec/programme.md"),  # of a URL
    ("reviewer", "docs/adr/0001-layers-and-zones.md"),  # of code
    ("chunk", "docs/adr/0005-segment-container.md"),  # of MCAP
}
CODE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)", re.DOTALL)


def avoided(glossary: str) -> dict[str, str]:
    """Return each word to avoid with the word to use."""
    found: dict[str, str] = {}
    rows = [line for line in glossary.splitlines() if line.startswith("|")][2:]
    for row in rows:
        word, _, avoid = (cell.strip() for cell in row.strip("|").split("|"))
        for one in re.sub(r"\([^)]*\)", "", avoid).partition(":")[0].split(","):
            if one.strip():
                found[one.strip()] = word
    return found


def test_the_glossary_is_read(book: Any) -> None:
    words = avoided((book.root / "docs/context.md").read_text())
    assert words["admin"] in {"steward", "operator"}
    assert words["kill switch"] == "halt"
    assert set(words) >= ELSEWHERE


def texts(book: Any) -> Iterator[tuple[str, str]]:
    for page in book.pages:
        if page.name != "context.md":
            yield book.name(page), page.read_text()
    for path, command in book.commands():
        helps = [
            command.help or "",
            *(getattr(one, "help", "") for one in command.params),
        ]
        yield f"help of {' '.join(path)}", "\n".join(filter(None, helps))


def stands(word: str, prose: str) -> bool:
    """Whether a word, or more of its kind, stands in a text."""
    pattern = rf"(?<![\w-]){re.escape(word)}(e?s)?(?![\w-])"
    return re.search(pattern, prose, re.IGNORECASE) is not None


def test_no_page_and_no_help_uses_a_word_that_is_avoided(book: Any) -> None:
    words = avoided((book.root / "docs/context.md").read_text())
    strict = {word for word in words if word not in ELSEWHERE}
    found = []
    for where, text in texts(book):
        prose = " ".join(CODE.sub("", text).split())
        found += [
            f"{where}: {word!r}; say {words[word]!r}"
            for word in sorted(strict)
            if (word, where) not in RIGHT and stands(word, prose)
        ]
    assert not found
