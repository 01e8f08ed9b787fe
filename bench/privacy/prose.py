"""Make prose with known sensitive spans, in five languages, from templates and lists.

Stage: bench of masking. Input: `templates/XX.txt`, Faker's names and addresses, a seed.
Output: `Sample`s: a text, its language, and the spans that are somebody's. Templates
and names are split into tune and test by their hash before any tuning, so that no
template and no name of one half is in the other.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from faker import Faker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Half = Literal["tune", "test"]
LANGUAGES = ("en", "de", "es", "fr", "pt")
TEMPLATES = Path(__file__).parent / "templates"
_LOCALES = {
    "en": ("en_US", "en_GB", "en_IN", "en_NG"),
    "de": ("de_DE", "de_AT", "de_CH", "tr_TR"),
    "es": ("es_ES", "es_MX", "es_AR"),
    "fr": ("fr_FR", "fr_CA", "fr_CH"),
    "pt": ("pt_BR", "pt_PT"),
}
# every language also names people from elsewhere
_ELSEWHERE = ("pl_PL", "vi_VN", "it_IT", "nl_NL", "sv_SE", "hu_HU", "id_ID", "cs_CZ")
_MARK = re.compile(r"\[\[(.*?)\]\]|\{(\w+)\}")
_NAMES_THAT_ARE_WORDS = (
    "Rose May", "Will Reading", "Grace Hope", "Mark Young", "Frank Rich", "Art Long",
    "Summer Hill", "Dawn Field", "Bill Price", "Penny Short", "Joy Winter",
    "Jack Frost", "April Banks", "Hunter Stone", "Chase Park", "Faith Church",
    "Rob Cash", "Sue Power",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with what in it is somebody's.

    Attributes:
        text: The text.
        lang: Its language.
        spans: Places of sensitive characters: start and end in code points.
    """

    text: str
    lang: str
    spans: tuple[tuple[int, int], ...]


def half_of(text: str) -> Half:
    """Return the half that a template or a name belongs to."""
    return "tune" if hashlib.sha256(text.encode()).digest()[0] % 2 else "test"


def samples(half: Half, seed: int, count: int) -> Iterator[Sample]:
    """Yield texts of a half, the same number in each language.

    Args:
        half: Which templates and names are used.
        seed: Of the choice.
        count: How many of each language.
    """
    for lang in LANGUAGES:
        rng = random.Random(f"{half}{seed}{lang}")  # noqa: S311 - no secret
        filler = _Filler(lang, half, rng)
        lines = [line for line in _templates(lang) if half_of(line) == half]
        facts = [line for line in lines if not line.startswith("= ")]
        plain = [line.removeprefix("= ") for line in lines if line.startswith("= ")]
        for _ in range(count):
            parts = [rng.choice(facts), *rng.sample(plain, rng.randint(0, 2))]
            rng.shuffle(parts)
            yield filled(rng.choice(["\n", " ", "\n\n"]).join(parts), lang, filler.fill)


def filled(template: str, lang: str, fill: Callable[[str], str]) -> Sample:
    """Return a template with its slots filled and its spans known."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    place = size = 0
    for mark in _MARK.finditer(template):
        before = template[place : mark.start()]
        value = mark[1] if mark[1] is not None else fill(mark[2])
        parts += [before, value]
        size += len(before)
        spans.append((size, size + len(value)))
        size += len(value)
        place = mark.end()
    return Sample("".join([*parts, template[place:]]), lang, tuple(spans))


def _templates(lang: str) -> list[str]:
    lines = (TEMPLATES / f"{lang}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class _Filler:
    """Values for slots: names of one half, the rest as it comes."""

    def __init__(self, lang: str, half: Half, rng: random.Random) -> None:
        self._half, self._rng = half, rng
        self._fakers = [Faker(name) for name in _LOCALES[lang]]
        self._people = [*self._fakers, *(Faker(name) for name in _ELSEWHERE)]
        for one in self._people:
            one.seed_instance(rng.randrange(1 << 30))

    def fill(self, slot: str) -> str:
        """Return a value for a slot."""
        made: str = getattr(self, f"_{slot}")()
        return made

    def _one(self) -> Faker:
        return self._rng.choice(self._fakers)

    def _named(self, make: str) -> str:
        for _ in range(50):
            value = str(getattr(self._rng.choice(self._people), make)())
            if half_of(value.rpartition(" ")[2]) == self._half:
                return value
        return value

    def _word_name(self) -> str:
        return self._rng.choice(
            [n for n in _NAMES_THAT_ARE_WORDS if half_of(n) == self._half]
        )

    def _person(self) -> str:
        if self._rng.random() < 0.1:
            return self._word_name()
        return f"{self._named('first_name')} {self._named('last_name')}"

    def _first(self) -> str:
        if self._rng.random() < 0.1:
            return self._word_name().split()[0]
        return self._named("first_name")

    def _last(self) -> str:
        if self._rng.random() < 0.1:
            return self._word_name().split()[1]
        return self._named("last_name")

    def _lower(self) -> str:
        return self._first().lower()

    def _city(self) -> str:
        return self._named("city")

    def _lowercity(self) -> str:
        return self._city().lower()

    def _address(self) -> str:
        return self._one().address().replace("\n", self._rng.choice([", ", "\n"]))

    def _company(self) -> str:
        return self._one().company()

    def _email(self) -> str:
        return self._one().email()

    def _phone(self) -> str:
        return self._one().phone_number()

    def _date(self) -> str:
        form = self._rng.choice(["%d.%m.%Y", "%Y-%m-%d", "%d/%m/%y"])
        return self._one().date(form)

    def _iban(self) -> str:
        value = self._one().iban()
        if self._rng.random() < 0.5:
            return value
        return " ".join(value[n : n + 4] for n in range(0, len(value), 4))

    def _card(self) -> str:
        value = self._one().credit_card_number()
        if self._rng.random() < 0.5:
            return value
        return " ".join(value[n : n + 4] for n in range(0, len(value), 4))

    def _ip(self) -> str:
        fake = self._one()
        return fake.ipv4() if self._rng.random() < 0.7 else fake.ipv6()

    def _url(self) -> str:
        return f"{self._one().url()}{self._one().uri_path()}?user={self._user()}"

    def _user(self) -> str:
        return self._one().user_name()

    def _id(self) -> str:
        form = self._rng.choice(["??######", "###-##-####", "########", "?#-####-??"])
        return self._one().bothify(form).upper()

    def _password(self) -> str:
        if self._rng.random() < 0.3:
            return " ".join(self._one().words(4))
        return self._one().password(self._rng.randint(8, 16))
