"""Masking of pixels: frames in, frames without a readable glyph out."""

from overt.redact.pixels.edges import FILL
from overt.redact.pixels.masker import Box, Masker, mask, text_mask
from overt.redact.pixels.paint import Painted, painter
from overt.redact.pixels.runs import TextRun, text_runs

__all__ = [
    "FILL",
    "Box",
    "Masker",
    "Painted",
    "TextRun",
    "mask",
    "painter",
    "text_mask",
    "text_runs",
]
