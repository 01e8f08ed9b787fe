"""Keysyms and what they type: pure tables, without a display or a layout."""
