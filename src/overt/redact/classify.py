"""Classes of windows that are never recorded, whatever the level says.

Stage: before capture. Input: a window's app, its page's URL, its title, words of its
page. Output: the class and the reason, or None. Rules are data, each entry with its
source; a programme and a participant add entries and take none away. The reason names
the rule, never what the window showed. Pure.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from overt.redact.lists import read
from overt.redact.sites import registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_PAGE_WORDS: Final = 3  # different words of a class that a page must hold
_HIDDEN: Final = frozenset(("Cf", "Cc", "Mn"))
_WORDS: Final = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")


class Verdict(NamedTuple):
    """Why a window is not recorded.

    Attributes:
        name: The class, as a participant reads it: "not recorded: health".
        reason: The rule that matched.
        source: Why the rule exists.
    """

    name: str
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Rules of one class from one source. Every tuple holds words in small letters.

    Attributes:
        name: The class.
        source: Why the rules exist.
        apps: Globs of window classes.
        suffixes: Top level domains.
        hosts: Words of host names.
        domains: Registrable domains, or hosts below them.
        titles: Words or phrases of titles and of the URL's path.
        page: Words of a page; some of them together make the class.
    """

    name: str
    source: str
    apps: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    page: tuple[str, ...] = ()


@cache
def entries() -> tuple[Entry, ...]:
    """Return the entries that overt ships."""
    found = tomllib.loads(read("classes.toml"))["entry"]
    return tuple(
        Entry(
            row["class"],
            row["source"],
            **{
                key: tuple(_plain(one) for one in row.get(key, ()))
                for key in ("apps", "suffixes", "hosts", "domains", "titles", "page")
            },
        )
        for row in found
    )


def sensitive(
    app: str, url: str | None, title: str, page: str = "", *, more: Sequence[Entry] = ()
) -> Verdict | None:
    """Return the class of a window that is not to be recorded; None for others.

    Args:
        app: Window class.
        url: URL of the page that it shows, where known.
        title: The window's title.
        page: Words of the page, where known.
        more: Entries that the programme or the participant adds.
    """
    facts = _facts(app, url or "", title, page)
    for entry in (*more, *entries()):
        for reason in _reasons(entry, facts):
            return Verdict(entry.name, reason, entry.source)
    return None


class _Facts(NamedTuple):
    app: str
    host: str
    domain: str
    suffix: str
    host_words: frozenset[str]
    title: str  # words with one space between and around them
    page: frozenset[str]


def _facts(app: str, url: str, title: str, page: str) -> _Facts:
    host, path = _place(url)
    domain, suffix = registered(host)
    words = frozenset(re.split(r"[.\-_\d]+", host.removesuffix("." + suffix)))
    told = " ".join(_WORDS.findall(_plain(f"{title} / {path}")))
    return _Facts(
        _plain(app),
        host,
        domain,
        suffix.rpartition(".")[2],
        words,
        f" {told} ",
        frozenset(_WORDS.findall(_plain(page))),
    )


def _place(url: str) -> tuple[str, str]:
    """Host and path of a URL, in small letters; what cannot be read is all path."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host = parts.hostname or ""
    except ValueError:
        return "", url
    path = unquote(f"{parts.path} {parts.query} {parts.fragment}")
    return _plain(host).rstrip("."), re.sub(r"[-_+/=&]", " ", path)


def _reasons(entry: Entry, facts: _Facts) -> Iterator[str]:
    """Which rules of an entry match, the surest first."""
    yield from _told("app", (a for a in entry.apps if fnmatchcase(facts.app, a)))
    yield from _told("site", (d for d in entry.domains if _below(facts, d)))
    yield from _told("kind of site", (s for s in entry.suffixes if s == facts.suffix))
    yield from _told("site's name", (h for h in entry.hosts if h in facts.host_words))
    yield from _told(
        "title", (t for t in entry.titles if f" {_bare(t)} " in facts.title)
    )
    words = [word for word in entry.page if word in facts.page]
    if len(words) >= _PAGE_WORDS:
        yield f"words of the page: {', '.join(words[:_PAGE_WORDS])}"


def _told(what: str, rules: Iterable[str]) -> Iterator[str]:
    return (f"{what}: {rule}" for rule in rules)


def _below(facts: _Facts, domain: str) -> bool:
    return facts.domain == domain or f".{facts.host}".endswith(f".{domain}")


@cache
def _bare(phrase: str) -> str:
    return " ".join(_WORDS.findall(phrase))


def _plain(text: str) -> str:
    """Small letters, compatibility forms resolved, nothing hidden."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(one for one in folded if unicodedata.category(one) not in _HIDDEN)
