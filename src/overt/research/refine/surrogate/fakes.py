"""A fake value for each placeholder of an episode, made from a seed.

Stage: refine, level `surrogate`. Input: placeholders, a seed. Output: texts of the same
kind and about the same length. The same placeholder has the same fake throughout its
episode, two have different ones. No fake can be a real one of its kind where kinds have
a check: card numbers fail Luhn's, IBANs theirs; addresses are of the ranges and domains
kept for documentation. It knows nothing of what stood there.

Sources: ISO/IEC 7812-1 annex B (Luhn), ISO 13616 (IBAN, ISO 7064 MOD 97-10), RFC 2606
(example domains), RFC 5737 (addresses for documentation).
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import TYPE_CHECKING, Final

from overt.protocol.texts import Placeholder, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

_LETTERS: Final = {"short": (2, 4), "medium": (5, 10), "long": (17, 24)}
_HEADS: Final = (
    *("b", "bl", "br", "c", "ch", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l"),
    *("m", "n", "p", "pl", "r", "s", "sh", "st", "t", "tr", "v", "w"),
)
_VOWELS: Final = ("a", "e", "i", "o", "u", "ai", "ea", "io", "ou")
_TAILS: Final = ("", "", "", "l", "m", "n", "r", "s", "t", "nd", "rt")
_NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")
_TRIES = 200


class Fakes:
    """The fakes of one episode."""

    def __init__(self, seed: int, episode: str) -> None:
        self._key = f"overt surrogate v1\0{seed}\0{episode}"
        self._made: dict[tuple[str, int], str] = {}

    def text(self, template: str) -> str:
        """Return a text with a fake in place of each placeholder."""
        return "".join(
            self.fake(piece) if isinstance(piece, Placeholder) else piece
            for piece in pieces(template)
        )

    def fake(self, placeholder: Placeholder) -> str:
        """Return the fake of a placeholder."""
        name = placeholder.kind, placeholder.number
        if name not in self._made:
            self._made[name] = self._make(placeholder)
        return self._made[name]

    def _make(self, placeholder: Placeholder) -> str:
        """Make a fake that no other placeholder of the episode has."""
        name = f"{self._key}\0{placeholder.kind}\0{placeholder.number}"
        rng = Random(hashlib.sha256(name.encode()).digest())  # noqa: S311 - no secret
        taken = {fake.casefold() for fake in self._made.values()}
        make = _MAKERS.get(placeholder.kind, _word)
        for tried in range(_TRIES):
            fake = make(rng, "medium" if tried > _TRIES // 2 else placeholder.length)
            if fake.casefold() not in taken:
                return fake
        return f"{fake}{placeholder.number}"


def passes_luhn(digits: str) -> bool:
    """Whether the digits of a number pass Luhn's check."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def passes_iban(text: str) -> bool:
    """Whether a text passes the check of an IBAN."""
    moved = text[4:] + text[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def _word(rng: Random, length: str) -> str:
    least, most = _LETTERS.get(length, _LETTERS["long"])
    wanted = rng.randint(least, most)
    word = ""
    while len(word) < wanted:
        word += rng.choice(_HEADS) + rng.choice(_VOWELS) + rng.choice(_TAILS)
    word = word[:wanted]
    return word.capitalize() if rng.random() < 0.5 else word


def _name(rng: Random, length: str) -> str:
    return _word(rng, length).capitalize()


def _digits(rng: Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _number(rng: Random, length: str) -> str:
    if length == "short":  # most numbers on a screen count few things
        (count,) = rng.choices((1, 2, 3), (6, 3, 1))
    else:
        count = rng.randint(5, 9)
    return str(rng.randint(1, 9)) + _digits(rng, count - 1)


def _card(rng: Random, length: str) -> str:
    del length
    found = str(rng.randint(2, 6)) + _digits(rng, 15)
    if passes_luhn(found):
        found = found[:-1] + str((int(found[-1]) + 1) % 10)
    return found


def _iban(rng: Random, length: str) -> str:
    del length
    found = rng.choice(("DE", "ES", "FR", "PT", "GB")) + _digits(rng, 20)
    if passes_iban(found):
        found = found[:-1] + str((int(found[-1]) + 1) % 10)
    return found


def _identifier(rng: Random, length: str) -> str:
    found = _digits(rng, 4 if length == "short" else 9)
    if passes_luhn(found):
        found = found[:-1] + str((int(found[-1]) + 1) % 10)
    return found if length == "short" else rng.choice("KLMNPQRT") + found


def _secret(rng: Random, length: str) -> str:
    del length
    return "fake" + "".join(rng.choices("abcdefghijkmnpqrstuvwxyz23456789", k=10))


def _email(rng: Random, length: str) -> str:
    del length
    return f"{_word(rng, 'medium').lower()}@example.{rng.choice(('org', 'com', 'net'))}"


def _url(rng: Random, length: str) -> str:
    del length
    host, path = _word(rng, "medium").lower(), _word(rng, "medium").lower()
    return f"https://{host}.example/{path}"


def _address(rng: Random, length: str) -> str:
    del length
    return f"{rng.choice(_NETWORKS)}.{rng.randint(1, 254)}"


def _phone(rng: Random, length: str) -> str:
    return (
        f"555-01{_digits(rng, 2)}"
        if length == "short"
        else f"+1 555 01{_digits(rng, 2)}"
    )


def _date(rng: Random, length: str) -> str:
    del length
    return f"20{rng.randint(70, 99)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


_MAKERS: Final[dict[str, Callable[[Random, str], str]]] = {
    "PERSON": _name, "ORG": _name, "ADDRESS": _name, "OTHER": _word,
    "NUMBER": _number, "CARD": _card, "IBAN": _iban, "ID": _identifier,
    "SECRET": _secret, "EMAIL": _email, "URL": _url, "IP": _address,
    "PHONE": _phone, "DATE": _date,
}  # fmt: skip
