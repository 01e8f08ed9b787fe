"""The desktop as a program sees it: pixels, windows, accessibility, keys, pointer."""
