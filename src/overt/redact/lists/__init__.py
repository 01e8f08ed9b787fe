"""The lists that masking reads: words of five languages, names, classes of windows.

Input: the text files of this folder (README.md says whose they are and under which
licence). Output: sets of words by section. Reads package data and nothing else.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "de", "es", "fr", "pt")


def read(name: str) -> str:
    """Return one file of this folder."""
    return (files(__name__) / name).read_text(encoding="utf-8")


@cache
def sections(lang: str) -> dict[str, frozenset[str]]:
    """Return the hand-written words of a language by section.

    Args:
        lang: One of `LANGUAGES`.
    """
    found: dict[str, set[str]] = {}
    words: set[str] = set()
    for line in read(f"{lang}.txt").splitlines():
        if line.startswith("["):
            words = found.setdefault(line.strip("[]"), set())
        elif not line.startswith("#"):
            words.update(line.split())
    return {name: frozenset(words) for name, words in found.items()}


@cache
def ranked(lang: str) -> dict[str, tuple[int, bool]]:
    """Return the allow-list of a language: word -> place in it, whether a name, too."""
    rows = (line.split() for line in read(f"words_{lang}.txt").splitlines())
    return {row[0]: (place, len(row) > 1) for place, row in enumerate(rows)}


@cache
def brands() -> set[str]:
    """Return names of makers, shops and services."""
    lines = read("brands.txt").splitlines()
    return {word for line in lines if line[:1] != "#" for word in line.split()}


@cache
def names() -> dict[str, str]:
    """Return known names: `P` for one of people, `L` for one of places."""
    return dict(line.split() for line in read("names.txt").splitlines())
