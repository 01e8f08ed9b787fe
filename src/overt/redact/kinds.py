"""What is masked in a text: where, and what kind of thing stood there.

Input and output of every other module of this package. A span never holds the text that
it covers.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Kind(IntEnum):
    """A kind of value; its name is the label. A larger one is the more telling."""

    OTHER = 0
    NUMBER = 1
    ORG = 2
    PERSON = 3
    ADDRESS = 4
    DATE = 5
    ID = 6
    URL = 7
    PHONE = 8
    EMAIL = 9
    IP = 10
    CARD = 11
    IBAN = 12
    SECRET = 13


class Span(NamedTuple):
    """A masked part of a text.

    Attributes:
        start: Its first character, in Unicode code points of the text.
        end: The character after its last.
        label: Name of its `Kind`.
    """

    start: int
    end: int
    label: str
