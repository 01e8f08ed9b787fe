"""The names of values within one episode: the same value, the same placeholder.

Stage: masking at the source. Input: texts of one episode (a goal, lines of a screen,
what was typed), rules that say what of a text may be read. Output: the texts with a
placeholder for each value. Another episode names anew, so that two do not match up.
The mapping lives in this object alone: it is never written, sent or logged.

A word of the goal that the rules reveal may be read on the screen and in what was typed
as well: the person has said it. Pure, but for the names it gives.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from overt.protocol.texts import Placeholder, length_of, without_placeholders
from overt.redact.rejoin import Part, spans_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Span = tuple[int, int, str]  # start, end, kind
# One value, however many words; of the other kinds each word is a value of its own.
_WHOLE: Final = frozenset(
    {"EMAIL", "PHONE", "DATE", "ID", "IBAN", "CARD", "IP", "URL", "SECRET", "NUMBER"}
)
# Words of every interface, in the five languages: nobody's name, address or number.
# Rules of other words mask some of them, for what they may mean elsewhere.
INTERFACE: Final = frozenset(
    (
        *("clicking", "selecting", "pressing", "typing", "entering", "closing"),
        *("click", "select", "enter", "type", "open", "choose", "press"),
        *("submit", "cancel", "close", "save", "delete", "search", "send"),
        *("continue", "login", "logout", "button", "field", "text", "list"),
        *("x", "tab", "link", "checkbox", "dialog", "box", "menu", "window"),
        *("labeled", "labelled", "following", "item", "items", "option"),
        *("options", "number", "page", "form", "value", "klicke", "wähle"),
        *("öffne", "schließe", "speichere", "löschen", "senden", "suchen"),
        *("abbrechen", "weiter", "knopf", "feld", "liste", "fenster", "seite"),
        *("haz", "clic", "elige", "abre", "escribe", "guardar", "enviar"),
        *("buscar", "cancelar", "botón", "campo", "lista", "enlace", "ventana"),
        *("página", "cliquez", "choisissez", "ouvrez", "entrez", "enregistrer"),
        *("envoyer", "rechercher", "annuler", "bouton", "champ", "liste"),
        *("lien", "fenêtre", "clique", "escolha", "abra", "digite", "salvar"),
        *("pesquisar", "botão", "ligação", "janela"),
    )
)
# Small words of an instruction, none of them part of names ("de", "van", "la").
_LINKS: Final = frozenset(
    (
        *("the", "a", "an", "on", "in", "into", "to", "of", "from", "by", "at"),
        *("and", "with", "for", "der", "die", "das", "den", "dem", "ein", "eine"),
        *("einen", "auf", "aus", "mit", "und", "en", "un", "una", "y", "con"),
        *("sur", "dans", "une", "et", "avec", "em", "um", "uma", "e", "com"),
    )
)
_WORD = re.compile(r"\S+")
_SIGNS = "\"'\u201c\u201d\u2018\u2019«»().,:;?!#"
_MOST = 4000  # characters of a text that are looked at; the rest is one value


def whole(text: str) -> list[Span]:
    """Mask all of a text: what stands in where no finer rules are at hand."""
    return [(0, len(text), "OTHER")] if text else []


def remembered(
    masks: Callable[[str], Sequence[Span]], most: int = 4096
) -> Callable[[str], Sequence[Span]]:
    """Return the same rules with their last answers at hand; a screen repeats itself.

    No text is kept, only a digest of it under a key that leaves with the process.

    Args:
        masks: The rules; the same text has the same answer.
        most: How many answers are kept.
    """
    key = secrets.token_bytes(32)
    known: dict[bytes, tuple[Span, ...]] = {}

    def answer(text: str) -> Sequence[Span]:
        data = text.encode("utf-8", "surrogatepass")
        name = blake2b(data, key=key, digest_size=16).digest()
        if name not in known:
            if len(known) >= most:
                known.clear()
            known[name] = tuple(masks(text))
        return known[name]

    return answer


class Naming:
    """The values of one episode and their names."""

    def __init__(self, masks: Callable[[str], Sequence[Span]]) -> None:
        """Begin an episode without names.

        Args:
            masks: The rules of level `words`: what of a text may not be read, as
                spans (start, end, kind) in order, without overlap.
        """
        self._masks = masks
        self._names: dict[str, Placeholder] = {}
        self._counts: dict[str, int] = {}
        self._said: set[str] = set()

    def goal(self, text: str) -> str:
        """Return the goal as it may leave: common words stay, with their marks."""
        shown = []
        for word, kind in self._words(text):
            head, core, tail = _core(word)
            if core and not kind:
                self._said.add(core)
                shown.append(without_placeholders(word))
            else:
                shown.append(f"{_marks(head)}{self._name(core, kind)}{_marks(tail)}")
        return " ".join(shown)

    def show(
        self, text: str, *, words: bool = False, earlier: Sequence[str] = ()
    ) -> str:
        """Return a text as it may leave; marks round values are left out.

        The `#` before a number stays: on a screen it says what the number is.

        Args:
            text: A line of the screen, or what was typed.
            words: Whether the level reveals common words.
            earlier: What was typed before it in the same field: a value may be split.
        """
        shown = []
        for word, kind in self._words(text, earlier):
            head, core, _ = _core(word)
            if not kind and (words or core in self._said):
                shown.append(without_placeholders(core))
            else:
                sign = "#" if kind == "NUMBER" and head == "#" else ""
                shown.append(f"{sign}{self._name(core, kind or 'OTHER')}")
        return " ".join(shown)

    def value(self, placeholder: Placeholder) -> str:
        """Return what a placeholder of this episode stands for, in this process.

        An agent that is tested on masked screens needs it to type; a recorder never.
        """
        number = (placeholder.kind, placeholder.number)
        names = self._names.items()
        return next(v for v, name in names if (name.kind, name.number) == number)

    def _words(self, text: str, earlier: Sequence[str] = ()) -> list[tuple[str, str]]:
        """Return words and whole values, each with its kind; "": it may be read."""
        judged = self._judged(text, earlier)
        found = [(word, _as_written(word, kind)) for word, kind in judged]
        plain = [
            (word, "" if kind and _is_interface(found, place) else kind)
            for place, (word, kind) in enumerate(found)
        ]
        return [
            (word, "" if kind and _is_link(plain, place) else kind)
            for place, (word, kind) in enumerate(plain)
            if any(letter.isalnum() for letter in word)
        ]

    def _judged(self, text: str, earlier: Sequence[str]) -> Iterator[tuple[str, str]]:
        text = unicodedata.normalize("NFC", text)
        head, rest = text[:_MOST], text[_MOST:]
        at = 0
        parts = [Part("", one) for one in (*earlier, head)]
        masked = spans_over(parts, self._masks)[-1] if earlier else self._masks(head)
        for start, end, kind in _whole_words(head, masked):
            yield from ((word, "") for word in _WORD.findall(head[at:start]))
            value = head[start:end]
            whole = [value] if kind in _WHOLE else _WORD.findall(value)
            yield from ((word, kind) for word in whole)
            at = end
        yield from ((word, "") for word in _WORD.findall(head[at:]))
        if rest.strip():
            yield rest.strip(), "OTHER"

    def _name(self, value: str, kind: str) -> Placeholder:
        """Return a value's name; the first sight decides of what kind it is."""
        found = self._names.get(value)
        if found is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            found = Placeholder(kind, self._counts[kind], length_of(value))
            self._names[value] = found
        return found


def _as_written(word: str, kind: str) -> str:
    """Return a value's kind: a number that is written in letters is a word."""
    digits = any(sign.isdigit() for sign in word)
    return "OTHER" if kind == "NUMBER" and not digits else kind


def _whole_words(text: str, spans: Sequence[Span]) -> Iterator[Span]:
    """Grow spans to the borders of words, so that no part of one is read."""
    until = 0
    words = [word.span() for word in _WORD.finditer(text)]
    for start, end, kind in sorted(spans):
        touched = [word for word in words if word[0] < end and word[1] > start]
        touched = [word for word in touched if word[0] >= until]
        if touched:
            until = touched[-1][1]
            yield touched[0][0], until, kind


def _is_interface(words: Sequence[tuple[str, str]], place: int) -> bool:
    """Whether a masked word is one of every interface and part of no name.

    It may be part of one where it is capitalised beside another capitalised word that
    is masked, but for the first word of a text.
    """
    word, kind = words[place]
    core = _core(word)[1]
    if kind in _WHOLE or core.lower() not in INTERFACE:
        return False
    if place == 0 or core == core.lower():
        return True
    beside = [words[at] for at in (place - 1, place + 1) if 0 <= at < len(words)]
    return not any(
        kind
        and _core(word)[1][:1].isupper()
        and _core(word)[1].lower() not in INTERFACE
        for word, kind in beside
    )


def _is_link(words: Sequence[tuple[str, str]], place: int) -> bool:
    """Whether a masked word is a small one beside a word of every interface."""
    word, kind = words[place]
    if kind in _WHOLE or word not in _LINKS:
        return False
    beside = [words[at] for at in (place - 1, place + 1) if 0 <= at < len(words)]
    shown = [_core(word)[1].lower() for word, kind in beside if not kind]
    return any(one in INTERFACE for one in shown)


def _core(word: str) -> tuple[str, str, str]:
    """Split a word into the marks before it, what it says, and the marks after it."""
    start, end = 0, len(word)
    while start < end and not word[start].isalnum():
        start += 1
    while end > start and not word[end - 1].isalnum():
        end -= 1
    return word[:start], word[start:end], word[end:]


def _marks(text: str) -> str:
    """Return the signs of a sentence among the marks round a value, two at most."""
    return "".join(sign for sign in text if sign in _SIGNS)[:2]
