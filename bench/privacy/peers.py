"""Other ways to mask a text, for the same table: each a function text -> spans.

Stage: bench of masking. None of them uses a model. Input: a text. Output: the masked
parts as start and end.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import wordfreq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Spans = list[tuple[int, int]]

_CAPITALS_AND_DIGITS: Final = re.compile(
    r"\S*[\d@]\S*|(?<![.!?]\s)(?<!^)\b[A-ZÀ-Ý]\w*", re.MULTILINE
)
_WORD: Final = re.compile(r"\S+")


def capitals_and_digits(text: str, _lang: str) -> Spans:
    """Detection without a list: words in capitals, digits, addresses."""
    return [found.span() for found in _CAPITALS_AND_DIGITS.finditer(text)]


def frequent_words(count: int) -> Callable[[str, str], Spans]:
    """An allow-list without surroundings: the most frequent words are left."""

    def mask(text: str, lang: str) -> Spans:
        words = _frequent(lang, count)
        return [
            found.span()
            for found in _WORD.finditer(text)
            if found[0].strip(".,;:!?\"'()").lower() not in words
        ]

    return mask


@cache
def _frequent(lang: str, count: int) -> frozenset[str]:
    return frozenset(wordfreq.top_n_list(lang, count))


def presidio(text: str, _lang: str) -> Spans:
    """Presidio's recognisers that work on patterns, all that load without a model."""
    found: Spans = []
    for one in _recognisers():
        results = one.analyze(text, one.supported_entities, None)
        found += [(result.start, result.end) for result in results or ()]
    return found


@cache
def _recognisers() -> list[Any]:
    import tldextract
    from presidio_analyzer import predefined_recognizers as known
    from presidio_analyzer.pattern_recognizer import PatternRecognizer

    # the list of suffixes that ships with it, instead of one from the network
    offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    tldextract.tldextract.TLD_EXTRACTOR = offline
    made = []
    for name in known.__all__:
        kind = getattr(known, name)
        if isinstance(kind, type) and issubclass(kind, PatternRecognizer):
            made.append(kind())
    return [*made, known.PhoneRecognizer()]


def detect_secrets(text: str, _lang: str) -> Spans:
    """detect-secrets with its default plugins, line by line."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    found: Spans = []
    with default_settings():
        for line in text.splitlines():
            for secret in scan_line(line):
                value = secret.secret_value or ""
                found += _everywhere(text, value) if value else []
    return found


def _everywhere(text: str, value: str) -> Iterable[tuple[int, int]]:
    return (found.span() for found in re.finditer(re.escape(value), text))
