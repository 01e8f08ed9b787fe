"""Masking of pixels: frames in, frames without a readable glyph out."""

from overt.redact.pixels.edges import FILL
from overt.redact.pixels.masker import Box, Masker, mask, text_mask
from overt.redact.pixels.paint import Painted, painter
from overt.redact.pixels.runs import TextRun, text_runs
from overt.redact.pixels.wordmasker import WordMasker
from overt.redact.pixels.words import Lexicon, has_ocr

__all__ = [
    "FILL",
    "Box",
    "Lexicon",
    "Masker",
    "Painted",
    "TextRun",
    "WordMasker",
    "has_ocr",
    "mask",
    "painter",
    "text_mask",
    "text_runs",
]
