"""Rules that find values by their form, over several chunks: what masked things are.

Stage: text masking. Input: a text in UTF-8. Output: where values stand, in bytes, and
their kinds. Rules only name what is masked and take away from what is revealed. The
expressions are compiled once with hyperscan and never matched one by one.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

import hyperscan

from overt.redact.kinds import Kind


class Found(NamedTuple):
    """A value that a rule found; places in bytes of the text in UTF-8."""

    start: int
    end: int
    kind: Kind


_TOLD: Final = (
    r"(?:pass(?:word|wd|wort|phrase|code)|kennwort|contrase[nñ]a|mot de passe|senha|pwd"
    r"|secret|token|(?:api|access|private|encryption|signing)[ _-]?key|credential"
    r"|authorization|zugangsdaten|palavra-passe|mnemonic|recovery (?:phrase|code))\w*"
    r"|\b(?:auth|bearer|pin|otp|cvv|cvc|clave|seed)"
)
_LINE: Final = r"[\"']?[ \t]*(?:=>|:=|[:=])[ \t]*\S[^\n]*$"
# forms by which providers of services make their keys
_PROVIDERS: Final = (
    r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}\b",
    r"\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}\b",
    r"\bgithub_pat_[A-Za-z0-9_]{22,}",
    r"\bglpat-[A-Za-z0-9_-]{20,}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\b[rsp]k_(?:live|test)_[A-Za-z0-9]{10,}",
    r"\bsk-[A-Za-z0-9_-]{20,}",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\bya29\.[A-Za-z0-9_-]{20,}",
    r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"\b(?:npm|pypi|dop_v1|shpat|hf|lin_api|sq0csp|EAA)[_-][A-Za-z0-9_-]{20,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"\b[a-z][a-z0-9+.-]*://[^\s:@/]+:[^\s@/]+@\S+",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\b[0-9a-fA-F]{32,}\b",
)


def _expressions() -> list[tuple[Kind, str]]:
    return [
        (Kind.PHONE, r"(?:\+|\b00|\()?\b\d[\d ()./-]{5,18}\d\b"),
        (Kind.IBAN, r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"),
        (Kind.DATE, r"\b\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]\.?m\b\.?| uhr\b)?"),
        (Kind.EMAIL, r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}\b"),
        (Kind.SECRET, rf"(?:{_TOLD}){_LINE}"),
        *((Kind.SECRET, form) for form in _PROVIDERS),
    ]


@cache
def _database() -> tuple[hyperscan.Database, list[Kind]]:
    rules = _expressions()
    flags = (
        hyperscan.HS_FLAG_SOM_LEFTMOST
        | hyperscan.HS_FLAG_CASELESS
        | hyperscan.HS_FLAG_MULTILINE
    )
    exact = flags & ~hyperscan.HS_FLAG_CASELESS
    database = hyperscan.Database()
    database.compile(
        expressions=[form.encode() for _, form in rules],
        ids=list(range(len(rules))),
        elements=len(rules),
        flags=[exact if form in _PROVIDERS else flags for _, form in rules],
    )
    return database, [kind for kind, _ in rules]


def find(data: bytes) -> list[Found]:
    """Return every value that a rule finds; they may overlap.

    Args:
        data: A text in UTF-8.
    """
    database, kinds = _database()
    found: list[Found] = []

    def take(rule: int, start: int, end: int, _flags: int, _context: Any) -> None:
        found.append(Found(start, end, kinds[rule]))

    database.scan(data, match_event_handler=take)
    return found
