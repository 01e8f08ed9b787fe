"""Masking of text and pixels: pure functions, used at the source and by refine."""
