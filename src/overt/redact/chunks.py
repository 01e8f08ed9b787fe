"""Chunks of a text, and what each may be by itself, whatever stands beside it.

Stage: text masking, first step. Input: a chunk, which is a run of characters without
white space. Output: a verdict in one integer: class, case, roles, borders. A word is
looked up only as it stands, in the letters of its language: look-alikes, mixed
alphabets, hidden characters, digits and signs are in no list, so they are `TECHNICAL`.
What is in no list is kept in no cache.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum, IntFlag
from functools import cache
from typing import Final

from overt.redact.kinds import Kind
from overt.redact.lists import brands, names, ranked, sections

# how many words of each allow-list are used; docs/masking.md has the curve
DEPTHS: Final = {"en": 6_000, "de": 9_000, "es": 9_000, "fr": 9_000, "pt": 9_000}
# of these, how many tell so little that they may stand beside somebody
FREQUENT: Final = 1_500


class Class(IntEnum):
    """What a chunk is by itself."""

    SIGN = 0  # punctuation alone
    FUNCTION = 1
    WORD = 2  # on the allow-list
    NAME_WORD = 3  # on the allow-list, and a name or a place, too
    UNKNOWN = 4
    LISTED = 5  # in a list of what may be somebody's
    TECHNICAL = 6  # digits, signs inside, other alphabets


class Case(IntEnum):
    """How a word is written."""

    LOWER = 0
    FIRST = 1  # first letter in capitals, or a single letter
    ALL = 2
    MIXED = 3


class Role(IntFlag):
    """What a chunk does to its neighbours."""

    JOINER = 1
    UNIT = 2
    NUMBER = 4
    NAMED = 8
    SECRET = 16
    FIELD = 32
    WORK = 64
    LIVE = 128
    SUFFER = 256
    BE = 512
    PERSON = 1024
    ARTICLE = 2048
    AS = 4096
    JOB = 1 << 13
    HEALTH = 1 << 14
    STREET = 1 << 15
    ORG = 1 << 16
    TITLE = 1 << 17
    INTERFACE = 1 << 18
    CAPITAL = 1 << 19  # written with a capital wherever it stands
    KEPT = 1 << 20
    COLON = 1 << 21
    EQUALS = 1 << 22
    SENTENCE = 1 << 23  # a sentence may end after it
    COMMA = 1 << 24  # a clause may end after it
    OPEN = 1 << 25  # a bracket or a quotation mark stands before it
    HYPHEN = 1 << 26  # ends in a hyphen
    LETTER = 1 << 27  # a single letter
    PLACE = 1 << 28
    KNOWN_NAME = 1 << 29
    PRONOUN = 1 << 30
    NOUN = 1 << 31
    OWN = 1 << 32  # my, his
    SELF = 1 << 33  # the clause speaks of somebody: I, her, tengo
    ABOUT = 1 << 34  # about, roughly
    RARE = 1 << 35  # not among the most frequent words


_ROLES: Final = {
    "joiner": Role.JOINER, "unit": Role.UNIT, "number": Role.NUMBER,
    "named": Role.NAMED, "secret": Role.SECRET, "field": Role.FIELD,
    "work": Role.WORK, "live": Role.LIVE, "study": Role.LIVE, "suffer": Role.SUFFER,
    "keen": Role.LIVE, "be": Role.BE, "person": Role.PERSON, "article": Role.ARTICLE,
    "as": Role.AS, "job": Role.JOB, "health": Role.HEALTH, "street": Role.STREET,
    "org": Role.ORG, "title": Role.TITLE, "interface": Role.INTERFACE,
    "keep": Role.KEPT,
    "own": Role.OWN, "self": Role.SELF, "about": Role.ABOUT,
}  # fmt: skip
_KINDS: Final = {
    "number": Kind.NUMBER, "date": Kind.DATE, "unit": Kind.NUMBER, "job": Kind.OTHER,
    "health": Kind.OTHER, "kin": Kind.OTHER, "group": Kind.OTHER, "look": Kind.OTHER,
    "org": Kind.ORG, "street": Kind.ADDRESS, "title": Kind.PERSON,
}  # fmt: skip
_CAPITALS: Final = {
    "en": frozenset(("i", "i'm", "i've", "i'd", "i'll")),
    "de": frozenset(
        ("sie", "ihnen", "ihr", "ihre", "ihren", "ihrem", "ihrer", "ihres")
    ),
}
_PRONOUNS: Final = frozenset(
    (
        "i", "you", "we", "they", "it", "this", "that", "ich", "wir", "sie", "es",
        "vous", "nous", "usted", "você",
    )
)  # fmt: skip
# quotation marks; the curved ones by number, since they look like others
_QUOTES: Final = "\"'«»\u2018\u2019\u201c\u201d\u201e\u201a"
_OPENING: Final = "([{¿¡*•\u2013\u2014-#>|…" + _QUOTES
_CLOSING: Final = ")]}*|…" + _QUOTES
_ENDING: Final = ".!?…"
_LETTERS: Final = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžẞ]+")
_INITIALS: Final = re.compile(r"\W*(?:\w{1,3}\.)+")
_PARTS: Final = re.compile(r"[-/\u2013\u2019']")

# layout of a verdict: class 4 bits, case 2, kind 4, lead 8, trail 8, roles 36
CASE, KIND, LEAD, TRAIL, ROLES = 4, 6, 10, 18, 26  # lowest bits
_MOST: Final = 255
_ARMOUR: Final = "-----"  # round a key in PEM
_ABBREVIATED: Final = 4  # letters of a word that may end in a full stop
_CACHED: Final = 200_000  # verdicts


def _pack(cls: Class, case: Case, kind: Kind, lead: int, trail: int, roles: int) -> int:
    return (
        cls
        | case << CASE
        | kind << KIND
        | lead << LEAD
        | trail << TRAIL
        | roles << ROLES
    )


class Vocabulary:
    """Verdicts of one language's words.

    Attributes:
        lang: The language.
        depth: How many words of its allow-list are used.
    """

    def __init__(self, lang: str, depth: int) -> None:
        self.lang, self.depth = lang, depth
        parts = sections(lang)
        self._function = parts["function"]
        self._kept = parts["keep"]
        self._roles: dict[str, int] = {}
        self._kinds: dict[str, Kind] = {}
        for name, role in _ROLES.items():
            for word in parts.get(name, ()):
                self._roles[word] = self._roles.get(word, 0) | role
        for name, kind in _KINDS.items():
            for word in parts.get(name, ()):
                self._kinds[word] = max(kind, self._kinds.get(word, kind))
        for word in brands():
            self._kinds.setdefault(word, Kind.ORG)
        words = ranked(lang)
        self._words = {w: n for w, (place, n) in words.items() if place < depth}
        self._frequent = {w for w, (place, _) in words.items() if place < FREQUENT}
        self._capitals = _CAPITALS.get(lang, frozenset())
        self._names = names()
        self._known: dict[str, int] = {}

    def look(self, chunks: list[str]) -> list[int]:
        """Return the verdict of each chunk."""
        known = self._known
        found: dict[str, int] = {}
        for chunk in set(chunks):
            verdict = known.get(chunk)
            found[chunk] = self._judge(chunk) if verdict is None else verdict
        return [found[chunk] for chunk in chunks]

    def is_value(self, word: str) -> bool:
        """Whether a word is a name or in a list of what may be somebody's."""
        return (
            (word in self._names or word in self._kinds)
            and word not in self._function
            and word not in self._words
        )

    def _judge(self, chunk: str) -> int:
        if _ARMOUR in chunk:
            return _pack(Class.TECHNICAL, Case.MIXED, Kind.SECRET, 0, 0, 0)
        lead, trail, roles = _borders(chunk)
        core = chunk[lead : len(chunk) - trail]
        if not core:
            signs = Role.COMMA | (Role.EQUALS if "=" in chunk else 0) | roles
            return _pack(Class.SIGN, Case.LOWER, Kind.OTHER, 0, 0, signs)
        if not core.isascii():
            core = unicodedata.normalize("NFC", core)
        cls, case, kind, more = self._word(core)
        if cls is Class.TECHNICAL:
            if _INITIALS.fullmatch(chunk):
                roles &= ~Role.SENTENCE
            lead, trail = _technical_borders(chunk, lead, trail)
        elif cls >= Class.UNKNOWN and len(core) <= _ABBREVIATED and trail:
            trail -= chunk[len(chunk) - trail] == "."
            if more & (Role.TITLE | Role.LETTER):
                roles &= ~(Role.SENTENCE | Role.COMMA)
        verdict = _pack(
            cls, case, kind, min(lead, _MOST), min(trail, _MOST), roles | more
        )
        if cls in {Class.FUNCTION, Class.WORD} and len(self._known) < _CACHED:
            self._known[chunk] = verdict
        return verdict

    def _word(self, core: str) -> tuple[Class, Case, Kind, int]:
        if _LETTERS.fullmatch(core):
            case = _case(core)
            return self._letters(core.lower(), case)
        word = core.replace("\u2019", "'").lower()
        if word in self._function:
            case = _case(_PARTS.sub("", core))
            return Class.FUNCTION, case, Kind.OTHER, self._role(word)
        return self._compound(core, word)

    def _role(self, word: str) -> int:
        roles = self._roles.get(word, 0)
        if word in self._capitals:
            roles |= Role.CAPITAL
        if word in _PRONOUNS:
            roles |= Role.PRONOUN
        if len(word) == 1:
            roles |= Role.LETTER
        return roles

    def _letters(self, word: str, case: Case) -> tuple[Class, Case, Kind, int]:
        roles = self._role(word)
        kind = self._kinds.get(word)
        name = self._names.get(word)
        if name is not None:
            roles |= Role.KNOWN_NAME | (Role.PLACE if name == "L" else 0)
        named = Kind.PERSON if name == "P" else Kind.ADDRESS if name else Kind.OTHER
        if word in self._kept and (word in self._function or word in self._words):
            return Class.NAME_WORD, case, kind or named, roles
        if word in self._function:
            return Class.FUNCTION, case, Kind.OTHER, roles
        if kind is not None:
            return Class.LISTED, case, kind, roles
        ambiguous = self._words.get(word)
        if word not in self._frequent:
            roles |= Role.RARE
        if self.lang == "de":
            roles |= Role.NOUN
        if ambiguous is None:
            return Class.UNKNOWN, case, named, roles
        return Class.NAME_WORD if ambiguous else Class.WORD, case, named, roles

    def _compound(self, core: str, word: str) -> tuple[Class, Case, Kind, int]:
        """Two words with a hyphen, a slash or an apostrophe between them."""
        listed = self._kinds.get(word)
        roles = self._role(word)
        if listed is not None:
            return Class.LISTED, _case(_PARTS.sub("", core)), listed, roles
        parts = _PARTS.split(core)
        if len(parts) != 2 or not all(_LETTERS.fullmatch(part) for part in parts):
            technical = _technical_kind(core)
            return Class.TECHNICAL, Case.MIXED, technical, roles
        verdicts = [self._letters(part.lower(), _case(part)) for part in parts]
        if self.lang == "en" and parts[1].lower() == "s":
            verdicts = verdicts[:1]  # of the owner
        cls, case, kind, more = max(verdicts, key=lambda one: one[0])
        case = max(case, verdicts[0][1])
        if cls < Class.UNKNOWN and "".join(parts).lower() in self._names:
            cls = Class.UNKNOWN
        if cls is Class.FUNCTION:
            cls = Class.WORD
        return cls, case, kind, roles | (more & ~Role.CAPITAL)


@cache
def vocabulary(lang: str, depth: int) -> Vocabulary:
    """Return the verdicts of a language; the lists are read once."""
    return Vocabulary(lang, depth)


def _case(core: str) -> Case:
    if core.islower():
        return Case.LOWER
    if len(core) == 1 or core[1:].islower():
        return Case.FIRST
    return Case.ALL if core.isupper() else Case.MIXED


def _borders(chunk: str) -> tuple[int, int, int]:
    """Signs before and after a word, and what they say."""
    bare = chunk.lstrip(_OPENING)
    lead = len(chunk) - len(bare)
    core = bare.rstrip(_CLOSING + _ENDING + ",;:-=")
    trail = len(bare) - len(core)
    if not trail and not lead:
        return 0, 0, 0
    tail = bare[len(core) :]
    roles = Role.OPEN if lead else Role(0)
    if tail:
        if any(sign in tail for sign in _ENDING):
            roles |= Role.SENTENCE
        if ":" in tail:
            roles |= Role.COLON
        if "=" in tail:
            roles |= Role.EQUALS
        roles |= Role.HYPHEN if tail == "-" else Role.COMMA
    return lead, trail, int(roles)


def _technical_borders(chunk: str, lead: int, trail: int) -> tuple[int, int]:
    """Less is left out beside what may be a secret: its signs may be part of it."""
    lead = min(lead, len(chunk) - len(chunk.lstrip("([{" + _QUOTES)))
    bare = chunk.rstrip(",;")
    if bare == chunk and bare.endswith(".") and not _INITIALS.fullmatch(bare):
        bare = bare[:-1]
    closed = 0
    while closed < lead and bare[-1] in _CLOSING:
        bare, closed = bare[:-1], closed + 1
    lead = closed if chunk[:1] in "([{" else lead
    return lead, min(trail, len(chunk) - len(bare))


_TECHNICAL_KINDS: Final = (
    (Kind.EMAIL, re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
    (Kind.URL, re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.).+", re.IGNORECASE)),
    (Kind.IP, re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?")),
    (Kind.IP, re.compile(r"[0-9a-fA-F]*(?::[0-9a-fA-F]*){3,7}")),
    (Kind.DATE, re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}(?:st|nd|rd|th)")),
    (Kind.NUMBER, re.compile(r"[\d.,:/%$€£+#()-]+")),
    (Kind.PERSON, re.compile(r"@\w+")),
    (Kind.ID, re.compile(r"(?=.*\d)[\w./-]{1,15}")),
    (Kind.SECRET, re.compile(r"(?=.*\d)(?=.*[A-Za-z])\S{16,}")),
)  # fmt: skip


def _technical_kind(core: str) -> Kind:
    if len(core) > 512:
        return Kind.SECRET
    return next((k for k, form in _TECHNICAL_KINDS if form.fullmatch(core)), Kind.OTHER)
