"""An attacker on surrogates: what of the originals can be got back, against chance.

Stage: evaluate, leakage. Input: values, the pictures and boxes that a dataset at level
`surrogate` shows in their place, a font. Output: `Gains`. The attacker knows the whole
system, draws as many examples of its own as it wants, and trains on them: to say how
long a value was, what it begins with, and which of the candidates it is. It is no proof
that nothing leaks; it says what these attacks got.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from overt.protocol.errors import DataError
from overt.protocol.texts import COVER, TextRun, length_of
from overt.redact.naming import Naming, whole
from overt.redact.runs import runs_of
from overt.research.refine.surrogate.draw import FONTS, LAYOUT, draw
from overt.research.refine.surrogate.fakes import Fakes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from random import Random

    from overt.protocol.records import Pixels

SIZE: Final = (320, 40)  # of a picture, width and height
_CROP: Final = (40, 8)  # of what is learnt from
_RIDGE: Final = 50.0
_FONT_PX: Final = 13
_NEAR_PX: Final = 2


@dataclass(frozen=True, slots=True)
class Sample:
    """A value, and what stands in its place.

    Attributes:
        value: What was on the screen.
        shown: The picture with the fake.
        run: What the record says of it; its text is the fake.
        width_px: How wide the value really was; the attacker never sees it.
    """

    value: str
    shown: Pixels
    run: TextRun
    width_px: int


@dataclass(frozen=True, slots=True)
class Gains:
    """What the attacker got, each beside what a guess without the picture gets.

    Attributes:
        read: Share of values that stand in the picture's text.
        length: Share of lengths guessed right; `length_chance`: the most usual one.
        initial: Share of first letters; `initial_chance`: the most usual one.
        top1: Share of values named out of all candidates; `top1_chance`.
        top10: Share among the ten likeliest; `top10_chance`.
        exact_top1: `top1` where the box were as wide as the text, for comparison.
    """

    read: float
    length: float
    length_chance: float
    initial: float
    initial_chance: float
    top1: float
    top1_chance: float
    top10: float
    top10_chance: float
    exact_top1: float


def sample(value: str, rng: Random, seed: int) -> Sample:
    """Show a value somewhere on a white screen, mask it, draw its fake.

    Args:
        value: What stands on the screen.
        rng: Chooses the place.
        seed: Of the fakes.
    """
    face = _face()
    left, top, right, bottom = (round(edge) for edge in face.getbbox(value))
    x, y, width = rng.randint(4, 60), rng.randint(4, 16), right - left
    image = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(image).text((x - left, y - top), value, fill="black", font=face)
    node = ["static", value, x, y, width, bottom - top + 2, []]
    (run,), _ = runs_of([node], np.asarray(image), Naming(whole).show)
    masked = np.asarray(image).copy()
    masked[max(0, y - 3) : bottom - top + y + 5, x - 3 : x + width + 3] = COVER
    faked = replace(run, text=Fakes(seed, f"{rng.random()}").text(run.text))
    return Sample(value, draw(masked, [faked], {})[0], faked, width)


def attack(known: Sequence[Sample], hidden: Sequence[Sample]) -> Gains:
    """Train on known samples, then attack hidden ones.

    Args:
        known: The attacker's own, of any values.
        hidden: Of the candidates, each once.
    """
    candidates = [one.value for one in hidden]
    lengths = [len(one.value) for one in known]
    letters = [one.value[0].lower() for one in known]
    said = _predict(known, hidden, lengths)
    begun = _predict(known, hidden, letters)
    ranks = _ranks(known, hidden, lambda one: one.run.width_px)
    exact = _ranks(known, hidden, lambda one: one.width_px)
    return Gains(
        read=_share(one.value.lower() in one.run.text.lower() for one in hidden),
        length=_share(
            guess == len(value) for guess, value in zip(said, candidates, strict=True)
        ),
        length_chance=_usual([len(value) for value in candidates]),
        initial=_share(
            guess == value[0].lower()
            for guess, value in zip(begun, candidates, strict=True)
        ),
        initial_chance=_usual([value[0].lower() for value in candidates]),
        top1=float(np.mean([_hit(rank, 1) for rank in ranks])),
        top1_chance=1 / len(candidates),
        top10=float(np.mean([_hit(rank, 10) for rank in ranks])),
        top10_chance=10 / len(candidates),
        exact_top1=float(np.mean([_hit(rank, 1) for rank in exact])),
    )


def _predict(
    known: Sequence[Sample], hidden: Sequence[Sample], answers: Sequence[int | str]
) -> list[int | str]:
    """Learn answers from pictures and boxes by ridge regression on one-hot answers."""
    names = sorted(set(answers), key=str)
    aims = np.array([[answer == name for name in names] for answer in answers], float)
    seen, asked = (
        np.stack([_features(one) for one in part]) for part in (known, hidden)
    )
    square = seen.T @ seen + _RIDGE * np.eye(seen.shape[1])
    weights = np.linalg.solve(square, seen.T @ (aims - aims.mean(0)))
    scores = asked @ weights + aims.mean(0)
    return [names[place] for place in scores.argmax(1)]


def _features(one: Sample) -> npt.NDArray[np.float64]:
    run = one.run
    rows = slice(run.y_px, run.y_px + run.height_px)
    part = one.shown[rows, run.x_px : run.x_px + run.width_px]
    crop = np.asarray(Image.fromarray(part).convert("L").resize(_CROP), float) / 255
    widths = [float(run.width_px == 16 * step) for step in range(1, 20)]
    texts = [float(len(run.text) == length) for length in range(1, 30)]
    return np.concatenate([1 - crop.ravel(), widths, texts, [1.0]])


def _ranks(
    known: Sequence[Sample], hidden: Sequence[Sample], told: Callable[[Sample], int]
) -> list[tuple[int, int]]:
    """Return for each hidden value how many candidates are likelier, and as likely.

    The attacker draws every candidate in the same font, and learns from its own samples
    how often a text of about that width is told as this one is.
    """
    common: dict[int, Counter[tuple[int, str]]] = {}
    for one in known:
        for width in range(one.width_px - _NEAR_PX, one.width_px + _NEAR_PX + 1):
            common.setdefault(width, Counter())[told(one), length_of(one.run.text)] += 1
    shares = [_shares(common.get(one.width_px, Counter())) for one in hidden]
    found = []
    for place, one in enumerate(hidden):
        seen = told(one), length_of(one.run.text)
        likely = np.array([share.get(seen, 0.0) for share in shares])
        mine = likely[place]
        found.append((int((likely > mine).sum()), int((likely == mine).sum())))
    return found


def _shares(counts: Counter[tuple[int, str]]) -> dict[tuple[int, str], float]:
    total = counts.total()
    return {seen: count / total for seen, count in counts.items()}


def _hit(rank: tuple[int, int], among: int) -> float:
    """Return the chance that a value stands among the likeliest, ties broken by lot."""
    likelier, equal = rank
    return min(1.0, max(0, among - likelier) / equal)


def _share(hits: Iterable[bool]) -> float:
    return float(np.mean(list(hits)))


def _usual(answers: Sequence[int | str]) -> float:
    return Counter(answers).most_common(1)[0][1] / len(answers)


def _face() -> ImageFont.FreeTypeFont:
    for name in FONTS:
        try:
            return ImageFont.truetype(name, _FONT_PX, layout_engine=LAYOUT)
        except OSError:
            continue
    raise DataError("No font of a browser is installed to attack with.")
