"""Texts of other shapes than prose: URLs, file names, window titles, names of controls.

Stage: text masking. Input: such a text. Output: spans, as of prose. A URL keeps its
scheme and, at level `words`, what of its path are words of the interface; its user, its
query's values and its fragment never. A file name keeps its extension. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from overt.redact.kinds import Span
from overt.redact.text import Level, spans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?=\S)|www\.", re.IGNORECASE)
_SCHEMES: Final = frozenset(("http", "https", "file", "ftp", "mailto", "about"))
_PART: Final = re.compile(r"[/\\]+|[^/\\]+")
_EXTENSIONS: Final = frozenset(
    (
        "txt", "pdf", "doc", "docx", "odt", "xls", "xlsx", "ods", "csv", "ppt", "pptx",
        "odp", "png", "jpg", "jpeg", "gif", "svg", "mp3", "mp4", "zip", "tar", "gz",
        "html", "md", "json", "xml", "py", "js", "eml",
    )
)  # fmt: skip
_SEPARATORS: Final = re.compile(r"\s+[-|:\u2013\u2014\u00b7\u2022]\s+")


def url_spans(url: str, level: Level, lang: str = "en") -> list[Span]:
    """Return what is masked in a URL.

    At `masked` all but the scheme. At `words` a segment of the path is left if it is
    one word of the interface; host, user, query and fragment are masked.

    Args:
        url: A URL, whole or not.
        level: As for `text.spans`.
        lang: As for `text.spans`.
    """
    scheme, colon, rest = url.partition(":")
    kept = len(scheme) + 1 if colon and scheme.lower() in _SCHEMES else 0
    kept += len(rest) - len(rest.lstrip("/")) if kept else 0
    if level == "masked":
        return _span(kept, len(url), "URL")
    host, slash, after = url[kept:].partition("/")
    path = re.split(r"[?#;]", after, maxsplit=1)[0]
    shown = _shown(path, kept + len(host) + len(slash), lang)
    return _but(shown, kept, len(url), "URL")


def _shown(path: str, offset: int, lang: str) -> list[tuple[int, int]]:
    """Segments of a path that are words of the interface."""
    return [
        (offset + part.start(), offset + part.end())
        for part in _PART.finditer(path)
        if part[0][0] not in "/\\" and not spans(part[0], "words", lang)
    ]


def file_spans(name: str, level: Level, lang: str = "en") -> list[Span]:
    """Return what is masked in a file's name or path; its extension is left.

    Args:
        name: A name with or without folders.
        level: As for `text.spans`.
        lang: As for `text.spans`.
    """
    stem, dot, extension = name.rpartition(".")
    known = bool(dot and stem) and extension.lower() in _EXTENSIONS
    end = len(stem) if known else len(name)
    shown = _shown(name[:end], 0, lang) if level == "words" else []
    return _but(shown, 0, end, "OTHER")


def title_spans(title: str, level: Level, lang: str = "en") -> list[Span]:
    """Return what is masked in a window's title.

    Its parts (`Report.pdf - Viewer`) are judged apart, each by its shape: they are no
    sentence, so that a word at the beginning of one is no beginning.

    Args:
        title: As the window system tells it.
        level: As for `text.spans`.
        lang: As for `text.spans`.
    """
    found: list[Span] = []
    for start, end in _between(title):
        found += _moved(_shape(title[start:end])(title[start:end], level, lang), start)
    return found


# the name of a button, a menu or a field is judged as a title is
name_spans = title_spans


def _between(title: str) -> Iterable[tuple[int, int]]:
    place = 0
    for gap in _SEPARATORS.finditer(title):
        yield place, gap.start()
        place = gap.end()
    yield place, len(title)


def _shape(part: str) -> Callable[[str, Level, str], list[Span]]:
    if _URL.match(part) and " " not in part:
        return url_spans
    if "\\" in part or "/" in part or part.rpartition(".")[2].lower() in _EXTENSIONS:
        return file_spans
    return spans


def _moved(found: list[Span], by: int) -> list[Span]:
    return [Span(start + by, end + by, label) for start, end, label in found]


def _span(start: int, end: int, label: str) -> list[Span]:
    return [Span(start, end, label)] if end > start else []


def _but(shown: list[tuple[int, int]], start: int, end: int, label: str) -> list[Span]:
    """Everything from start to end but some parts."""
    found: list[Span] = []
    for low, high in shown:
        found += _span(start, low, label)
        start = high
    return found + _span(start, end, label)
