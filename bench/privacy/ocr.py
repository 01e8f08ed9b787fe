"""An OCR of whole screens, as somebody would read what masking left."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from overt.redact.pixels.words import has_ocr

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def ocr_reader() -> Callable[[np.ndarray], list[str]] | None:
    """Return what reads a screen, uint8 RGB, into lines; None without `overt[ocr]`."""
    if not has_ocr():
        return None
    from rapidocr import EngineType, RapidOCR

    engines = dict.fromkeys(
        ("Det.engine_type", "Rec.engine_type", "Cls.engine_type"), EngineType.OPENVINO
    )
    one = {"EngineConfig.openvino.inference_num_threads": 1}
    loaded = RapidOCR(params={"Global.log_level": "error", **engines, **one})

    def read(rgb: np.ndarray) -> list[str]:
        answer = loaded(np.ascontiguousarray(rgb[..., ::-1]), use_cls=False)
        return list(answer.txts or ())

    return read


def reads(lines: list[str], value: str) -> bool:
    """Whether a value stands in the lines, spaces and case aside."""
    bare, text = ("".join(x.split()).casefold() for x in (value, "".join(lines)))
    return bare in text
