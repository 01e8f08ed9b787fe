"""Which chunks of a text are masked at level `words`: each with its surroundings.

Stage: text masking, second step. Input: the verdicts of the chunks of many texts, one
after another, and the borders between them. Output: which are masked. A word is
revealed only if nothing beside it can make it part of a name, an address, a number or a
secret; every rule here takes away. Arrays are as long as there are chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from overt.redact.chunks import CASE, ROLES, Case, Class, Role

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
Small = npt.NDArray[np.int8]

_LINE_MOST: Final = 10  # words of a label of the interface
_SHORT_MOST: Final = 3  # words of a text that is no sentence
_RUN: Final = 5  # words without a function word: a passphrase
# where every content word beside a masked one is masked: it costs 4 % of English prose,
# 13 % of German, where more words are on no list
_WIDE: Final = frozenset(("en",))
_SPARSE: Final = 5  # ... or with one of so many


@dataclass(frozen=True, slots=True)
class Borders:
    """What stands between the chunks, as `Mask`s.

    Attributes:
        text: The chunk is the first of its text.
        line: It is the first of its line.
        blank: An empty line stands before it.
    """

    text: Mask
    line: Mask
    blank: Mask


class Scene:
    """The chunks of some texts, as arrays."""

    def __init__(self, verdicts: Codes, borders: Borders, lang: str) -> None:
        self.cls: Small = (verdicts & 15).astype(np.int8)
        self.case: Small = ((verdicts >> CASE) & 3).astype(np.int8)
        self.roles: Codes = verdicts >> ROLES
        self.borders = borders
        self.romance = lang in {"es", "fr", "pt"}
        self.lang = lang
        ends = before(self.has(Role.SENTENCE), fill=True)
        self.sentence = borders.text | borders.blank | ends
        self.hard = borders.text | borders.blank | ends
        comma = before(self.has(Role.COMMA), fill=True)
        self.soft = self.hard | comma | self.has(Role.OPEN)
        self.words: Mask = self.cls != Class.SIGN
        self.function: Mask = self.cls == Class.FUNCTION
        self.content = self.least(Class.WORD)
        self.name_word: Mask = self.cls == Class.NAME_WORD
        self.capital: Mask = self.case >= Case.FIRST
        self.first: Mask = self.case == Case.FIRST

    def has(self, role: int) -> Mask:
        """Chunks that have a role."""
        found: Mask = (self.roles & role) != 0
        return found

    def least(self, cls: Class) -> Mask:
        """Chunks of a class or of one that comes after it."""
        found: Mask = self.cls >= cls
        return found

    def groups(self, starts: Mask, values: npt.NDArray[np.generic]) -> Codes:
        """Sum of values over the group that each chunk belongs to."""
        first = np.flatnonzero(starts)
        sums = np.add.reduceat(values.astype(np.int64), first)
        return np.repeat(sums, np.diff(np.append(first, len(starts))))


def before(mask: Mask, *, fill: bool = False) -> Mask:
    """Of each chunk, what holds for the one before it."""
    return np.concatenate(([fill], mask[:-1]))


def after(mask: Mask, *, fill: bool = False) -> Mask:
    """Of each chunk, what holds for the one after it."""
    return np.concatenate((mask[1:], [fill]))


def _beside(scene: Scene, mask: Mask) -> Mask:
    """Chunks beside one of a mask, with no comma between."""
    return (before(mask) & ~scene.soft) | after(mask & ~scene.soft)


def masked(scene: Scene, ruled: Mask, joined: Mask) -> Mask:
    """Return which chunks are masked.

    Args:
        scene: The chunks.
        ruled: What rules over the text have found.
        joined: Chunks that make a name with the one before or after.
    """
    hidden = ruled | joined | scene.least(Class.UNKNOWN)
    hidden |= _by_case(scene, hidden)
    hidden |= _names_in_small_letters(scene, hidden)
    hidden |= _letters(scene, hidden)
    hidden |= _told(scene)
    hidden |= _spread(scene, hidden)
    hidden |= _long_runs(scene)
    if scene.lang in _WIDE:
        hidden |= scene.content & _beside(scene, hidden & scene.content)
    hidden |= _of_somebody(scene)
    hidden |= _coarse(scene, hidden)
    rare = scene.content & scene.has(Role.RARE)
    hidden |= rare & _beside(scene, hidden & scene.content)
    hidden |= _between(scene, hidden)
    hidden |= _bridges(scene, hidden)
    hidden |= _short(scene)
    hidden |= _articles(scene, hidden)
    hidden &= scene.words | ruled
    return hidden | _signs(scene, hidden)


def _by_case(scene: Scene, hidden: Mask) -> Mask:
    """Words in capitals, but for the first of a sentence."""
    written = scene.capital & scene.words & ~scene.least(Class.UNKNOWN)
    same = ~after(scene.hard, fill=True)
    next_capital = after(scene.capital & scene.content) & same & ~after(scene.soft)
    pronoun = after(scene.has(Role.PRONOUN) & ~scene.capital) & same
    plain = scene.content & ~scene.name_word & ~next_capital
    fine = scene.sentence & scene.first & (scene.function | plain | pronoun)
    fine |= scene.has(Role.CAPITAL) & scene.first
    fine |= _nouns(scene, hidden)
    fine |= _labels(scene)
    return written & ~fine


def _nouns(scene: Scene, hidden: Mask) -> Mask:
    """German nouns: after an article, or beside no name."""
    noun = scene.has(Role.NOUN) & scene.first
    if not noun.any():
        return noun
    name = scene.capital & (hidden | scene.name_word | scene.has(Role.TITLE))
    near = _beside(scene, name)
    led = before(scene.has(Role.ARTICLE)) & ~scene.soft
    return noun & ~near & (led | ~scene.name_word)


def _labels(scene: Scene) -> Mask:
    """Lines that hold words of the interface alone, as buttons and menus do."""
    words = scene.words
    foreign = words & ~scene.has(Role.INTERFACE)
    starts = scene.borders.line
    pure: Mask = scene.groups(starts, foreign) == 0
    return pure & (scene.groups(starts, words) <= _LINE_MOST)


def _names_in_small_letters(scene: Scene, hidden: Mask) -> Mask:
    """Words that are names, too: beside a name, or where nobody writes capitals."""
    near_name = hidden & (scene.capital | scene.has(Role.TITLE | Role.KNOWN_NAME))
    near = _beside(scene, near_name)
    starts = scene.borders.text
    none: Mask = scene.groups(starts, scene.first) == 0
    small = none & (scene.groups(starts, scene.words) >= 4) & ~scene.has(Role.KEPT)
    return scene.name_word & (near | small)


def _letters(scene: Scene, hidden: Mask) -> Mask:
    """Single letters beside single letters: a word written with gaps."""
    letter = scene.has(Role.LETTER)
    return letter & (
        (before(letter & hidden) & ~scene.borders.text)
        | (after(letter & hidden) & ~after(scene.borders.text, fill=True))
    )


def _told(scene: Scene) -> Mask:
    """What stands after a word that announces it: `named`, `Password:`, `lives in`."""
    has, was = scene.has, before
    linked = ~scene.soft
    colon = has(Role.COLON | Role.EQUALS)
    is_ = has(Role.BE)
    as_ = has(Role.AS)
    content = np.zeros(len(scene.cls), np.int64)
    content[has(Role.NAMED)] = 3
    content[has(Role.TITLE)] = 3
    content[as_ & linked & was(has(Role.WORK | Role.LIVE | Role.SUFFER))] = 3
    content[has(Role.SUFFER | Role.LIVE)] = np.maximum(
        content[has(Role.SUFFER | Role.LIVE)], 2
    )
    content[is_ & linked & was(has(Role.FIELD))] = 4
    person = is_ & (has(Role.PERSON) | (was(has(Role.PERSON)) & linked))
    content[person] = 2
    everything = np.zeros(len(scene.cls), np.int64)
    everything[has(Role.FIELD) & colon] = 12
    secret = has(Role.SECRET) & colon
    secret |= is_ & was(has(Role.SECRET)) & linked
    signs = ~scene.words & colon
    secret |= signs & was(has(Role.SECRET)) & ~scene.borders.line
    everything[has(Role.SECRET) & after(scene.content | ~scene.function)] = 4
    everything[secret] = 24
    stop = scene.sentence | scene.borders.line
    found = _carry(scene, content, stop | scene.soft, through=_THROUGH)
    found |= _carry_all(everything, stop)
    return found & scene.content | _carry_all(everything, stop)


_THROUGH: Final = Role.JOINER | Role.ARTICLE | Role.AS | Role.BE


def _carry(scene: Scene, budget: Codes, stop: Mask, *, through: int) -> Mask:
    """Spread to the right over content words, through joining words."""
    found = np.zeros(len(budget), np.bool_)
    pass_ = scene.has(through) & scene.function
    left = budget
    for _ in range(6):
        left = np.concatenate(([0], left[:-1]))
        left[stop] = 0
        left = np.where(scene.content, left, np.where(pass_, left + 1, 0))
        hit = (left > 0) & scene.content
        if not left.any():
            break
        found |= hit
        left = np.maximum(left - 1, 0)
    return found


def _carry_all(budget: Codes, stop: Mask) -> Mask:
    """Spread to the right over everything up to the end of the line."""
    found = np.zeros(len(budget), np.bool_)
    left = budget
    while left.any():
        left = np.concatenate(([0], left[:-1]))
        left[stop] = 0
        found |= left > 0
        left = np.maximum(left - 1, 0)
    return found


def _spread(scene: Scene, hidden: Mask) -> Mask:
    """Words beside trades, diseases, streets, employers and numbers."""
    has = scene.has
    job, health = has(Role.JOB) & hidden, has(Role.HEALTH) & hidden
    place = has(Role.STREET | Role.ORG) & hidden
    stop = scene.soft
    right = np.zeros(len(hidden), np.int64)
    right[job | health | place] = 2 if scene.romance else 0
    found = _carry(scene, right, stop, through=Role.JOINER)
    left = np.zeros(len(hidden), np.int64)
    left[job | health | place] = 1 if scene.romance else 2
    found |= _carry_left(scene, left)
    number = scene.least(Class.TECHNICAL) | has(Role.NUMBER)
    unit = has(Role.UNIT)
    near = number
    for _ in range(3):
        near = before(near) & ~scene.borders.text
        found |= unit & near
        near &= unit | (has(Role.JOINER | Role.AS | Role.ARTICLE) & scene.function)
    return found


def _carry_left(scene: Scene, budget: Codes) -> Mask:
    found = np.zeros(len(budget), np.bool_)
    blocked = after(scene.soft, fill=True)
    left = budget
    for _ in range(3):
        left = np.concatenate((left[1:], [0]))
        left[blocked | ~scene.content] = 0
        if not left.any():
            break
        found |= left > 0
        left = np.maximum(left - 1, 0)
    return found


def _long_runs(scene: Scene) -> Mask:
    """Many words in a row with no function word: a passphrase, a list of names."""
    content = scene.content & ~scene.least(Class.UNKNOWN)
    starts = ~content | ~before(content) | scene.soft
    starts[:1] = True
    runs = content & (scene.groups(starts, content) >= _RUN)
    words = scene.groups(scene.soft, scene.words)
    dense = scene.groups(scene.soft, scene.function) * _SPARSE <= words
    return runs | (dense & (words >= _RUN) & scene.words & ~_labels(scene))


def _bridges(scene: Scene, hidden: Mask) -> Mask:
    """Joining words between two masked ones, up to two of them."""
    joiner = scene.has(Role.JOINER) & ~scene.least(Class.UNKNOWN)
    inside = ~scene.hard & ~after(scene.hard, fill=True)
    one = joiner & before(hidden) & after(hidden) & inside
    amount = hidden & scene.has(Role.UNIT)
    rate = scene.has(Role.AS) & scene.function & before(amount) & after(amount)
    one |= rate & inside
    pair = joiner & after(joiner) & before(hidden) & after(after(hidden)) & inside
    pair &= after(inside)
    return one | pair | before(pair)


def _of_somebody(scene: Scene) -> Mask:
    """Rarer words of a clause that speaks of a person: I, her, tengo."""
    told: Mask = scene.groups(scene.soft, scene.has(Role.SELF)) > 0
    return told & scene.content & scene.has(Role.RARE)


def _coarse(scene: Scene, hidden: Mask) -> Mask:
    """Words that belong to the masked number after them: about, roughly, number."""
    number = hidden & (scene.has(Role.NUMBER) | scene.least(Class.TECHNICAL))
    return scene.has(Role.ABOUT) & after(number & ~scene.soft)


def _between(scene: Scene, hidden: Mask) -> Mask:
    """A joining word of any kind between two masked ones of a clause: one fact."""
    return scene.function & before(hidden) & after(hidden & ~scene.soft) & ~scene.soft


def _articles(scene: Scene, hidden: Mask) -> Mask:
    """Articles before what is masked: of names, offices, trades, somebody's kin."""
    nobodys = scene.has(Role.OWN) & ~scene.has(Role.SELF)
    article = scene.has(Role.ARTICLE) & ~nobodys & ~scene.least(Class.UNKNOWN)
    return article & after(hidden & ~scene.soft)


def _signs(scene: Scene, hidden: Mask) -> Mask:
    """Dashes and the like between two masked chunks: the gap of one value."""
    inside = ~scene.borders.text & ~after(scene.borders.text, fill=True)
    return ~scene.words & before(hidden) & after(hidden) & inside


def _short(scene: Scene) -> Mask:
    """Texts and lines too short to prove that a word is no name."""
    few = scene.groups(scene.borders.text, scene.words) <= _SHORT_MOST
    lonely = scene.groups(scene.borders.line, scene.words) <= 2
    ended = scene.groups(scene.borders.line, scene.has(Role.SENTENCE)) > 0
    plain = scene.function | scene.has(Role.INTERFACE)
    return (few | (lonely & ~ended)) & ~plain & scene.words
