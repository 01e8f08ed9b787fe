"""Which words under a cover may be left to be read, as the level `words` asks.

Stage: masking of pixels. Input: a covered part of a picture. Output: boxes of words
that an OCR reads with confidence, twice, in their line and alone; whose box holds that
word and nothing else; and which the rules for text allow where they stand. Any doubt,
or no OCR installed: none. Nothing is kept but digests of parts and boxes; reads no
file but the models that came with the OCR, and calls nobody.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import xxhash

from overt.redact.pixels.runs import text_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from overt.protocol.records import Pixels
    from overt.redact.pixels.masker import Box
    from overt.redact.pixels.runs import TextRun

    Ocr = Callable[[Pixels], tuple[str, float]]
    Allows = Callable[[Sequence[str]], list[bool]]

_IN_LINE: Final = 0.95  # confidence of the OCR in a line, and in a word alone
_ALONE: Final = 0.97
_SIZES_PX: Final = range(9, 65)  # type that it reads well
_INK: Final = 12  # levels from the ground
_PAD_PX: Final = 6  # round what the OCR is shown
_EDGE_PX: Final = 1  # of ground round a word that is revealed
_SPACE: Final = 1.4  # a gap between words to the largest within one
_BLANK: Final = 0.25  # of the type's size; a gap so wide is one between words
_WIDTHS: Final = (0.2, 1.2)  # of a character, to the size of the type
_PARTS: Final = 8192  # whose result is remembered
_WAITING: Final = 64  # parts not yet read


def has_ocr() -> bool:
    """Whether an OCR is installed."""
    return all(map(importlib.util.find_spec, ("rapidocr", "openvino")))


def reader(lang: str) -> Callable[[Pixels, Sequence[Box]], list[Box]]:
    """Return what finds the words to reveal in covered boxes of a picture.

    Without an OCR it finds none.
    """
    if not has_ocr():
        return lambda _rgb, _boxes: []
    lexicon = Lexicon(lang)

    def read(rgb: Pixels, boxes: Sequence[Box]) -> list[Box]:
        found = []
        for x0, y0, x1, y1 in boxes:
            part = np.ascontiguousarray(rgb[y0:y1, x0:x1])
            for left, top, right, bottom in lexicon.read(part):
                found.append((x0 + left, y0 + top, x0 + right, y0 + bottom))
        return found

    return read


class Lexicon:
    """What was read in parts of pictures, by their digest.

    Attributes:
        looks: How often it was asked.
    """

    def __init__(
        self, lang: str = "en", ocr: Ocr | None = None, allows: Allows | None = None
    ) -> None:
        """Know nothing yet; the OCR is loaded when the first part is read.

        Args:
            lang: Language of the interface.
            ocr: Reads a line: its text and the confidence, 0 to 1.
            allows: Which words of a line may be revealed.
        """
        self._lang, self._ocr, self._allows = lang, ocr, allows
        self._known: OrderedDict[bytes, tuple[Box, ...]] = OrderedDict()
        self._waiting: OrderedDict[bytes, Pixels] = OrderedDict()
        self.looks = 0

    def look(self, part: Pixels) -> tuple[Box, ...] | None:
        """Return what is to be revealed in a part; None while it waits to be read.

        Args:
            part: Pixels of one covered box, uint8 (height, width, 3).
        """
        self.looks += 1
        digest = _digest(part)
        known = self._known.get(digest)
        if known is None and digest not in self._waiting:
            self._waiting[digest] = part.copy()
            if len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
        return known

    def work(self) -> bool:
        """Read one part that waits; return whether there was one. Takes a while."""
        try:
            _, part = self._waiting.popitem()  # what was seen last is still there
        except KeyError:
            return False
        self.read(part)
        return True

    def read(self, part: Pixels) -> tuple[Box, ...]:
        """Return the boxes of words to reveal in a part, in its own pixels."""
        digest = _digest(part)
        known = self._known.get(digest)
        if known is None:
            known = self._read(part)
            self._known[digest] = known
            if len(self._known) > _PARTS:
                self._known.popitem(last=False)
        return known

    def _read(self, part: Pixels) -> tuple[Box, ...]:
        ocr = self._ocr = self._ocr or _load_ocr()
        allows = self._allows = self._allows or _load_rules(self._lang)
        height, width = part.shape[:2]
        runs = text_runs(part, [(0, 0, width, height)])
        if not all(run.height_px in _SIZES_PX for run in runs):
            return ()
        found: list[Box] = []
        for run in runs:
            found += _words_of(part, run, ocr, allows)
        return tuple(found)


def _words_of(part: Pixels, run: TextRun, ocr: Ocr, allows: Allows) -> list[Box]:
    """Boxes of the words of a line that may be revealed."""
    boxes, gaps = _inked(part, run)
    text, confidence = ocr(_shown(part, run, run.box))
    words = text.split()
    if confidence < _IN_LINE or not words:
        return []
    if int((gaps >= _BLANK * run.height_px).sum()) != len(words) - 1:
        return []  # a word more or less than was read
    places = _split(boxes, gaps, len(words))
    if places is None:
        return []
    found = []
    for word, box, allowed in zip(words, places, allows(words), strict=True):
        wide = (box[2] - box[0]) / len(word) / run.height_px
        if not (allowed and _WIDTHS[0] <= wide <= _WIDTHS[1]):
            continue
        alone, confidence = ocr(_shown(part, run, box))
        if alone == word and confidence >= _ALONE:
            found.append(box)
    return found


def _inked(part: Pixels, run: TextRun) -> tuple[list[Box], npt.NDArray[np.intp]]:
    """Boxes of ink in a line, from gap to gap, and the widths of the gaps."""
    x0, y0, x1, y1 = run.box
    ground = np.array(run.ground, np.int16)
    ink = np.abs(part[y0:y1, x0:x1].astype(np.int16) - ground).max(axis=2) >= _INK
    columns = np.flatnonzero(np.diff(np.r_[False, ink.any(axis=0), False]))
    boxes = []
    for left, right in columns.reshape(-1, 2).tolist():
        rows = np.flatnonzero(ink[:, left:right].any(axis=1))
        boxes.append((x0 + left, y0 + int(rows[0]), x0 + right, y0 + int(rows[-1]) + 1))
    return boxes, columns[2::2] - columns[1:-1:2]


def _split(
    boxes: list[Box], gaps: npt.NDArray[np.intp], count: int
) -> list[Box] | None:
    """Boxes of that many words; None where the gaps do not tell them apart."""
    if not boxes or count > len(boxes):
        return None
    order = np.argsort(-gaps, kind="stable")
    breaks = sorted(order[: count - 1].tolist())
    if 0 < count - 1 < len(gaps):
        narrowest, widest = gaps[order[count - 2]], gaps[order[count - 1]]
        if narrowest < _SPACE * widest:
            return None
    words = []
    for first, last in zip([0, *(b + 1 for b in breaks)], [*breaks, -1], strict=True):
        group = boxes[first : last + 1] if last >= 0 else boxes[first:]
        tops, bottoms = [b[1] for b in group], [b[3] for b in group]
        words.append((group[0][0], min(tops), group[-1][2], max(bottoms)))
    return [_with_edge(word) for word in words]


def _with_edge(box: Box) -> Box:
    x0, y0, x1, y1 = box
    return (max(0, x0 - _EDGE_PX), max(0, y0 - _EDGE_PX), x1 + _EDGE_PX, y1 + _EDGE_PX)


def _shown(part: Pixels, run: TextRun, box: Box) -> Pixels:
    """What the OCR is shown: the box on plain ground."""
    x0, y0, x1, y1 = box
    inside = part[y0:y1, x0:x1]
    size = (inside.shape[0] + 2 * _PAD_PX, inside.shape[1] + 2 * _PAD_PX, 3)
    shown = np.empty(size, np.uint8)
    shown[:] = run.ground
    shown[_PAD_PX:-_PAD_PX, _PAD_PX:-_PAD_PX] = inside
    return shown


def _digest(part: Pixels) -> bytes:
    return xxhash.xxh3_128_digest(part.tobytes() + repr(part.shape).encode())


def _load_rules(lang: str) -> Allows:
    from functools import partial

    from overt.redact.text import revealed

    return partial(revealed, lang=lang)


def _load_ocr() -> Ocr:
    """Load the OCR with the models of its package, on one core, without telemetry."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    from rapidocr import EngineType, RapidOCR

    engine: Any = RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_det": False,
            "Global.use_cls": False,
            "Rec.engine_type": EngineType.OPENVINO,
            "Det.engine_type": EngineType.OPENVINO,
            "Cls.engine_type": EngineType.OPENVINO,
            "EngineConfig.openvino.inference_num_threads": 1,
        }
    )

    def read(line: Pixels) -> tuple[str, float]:
        blue_first = np.ascontiguousarray(line[..., ::-1])
        answer = engine(blue_first, use_det=False, use_cls=False, use_rec=True)
        if not answer.txts:
            return "", 0.0
        return str(answer.txts[0]), float(answer.scores[0])

    return read
