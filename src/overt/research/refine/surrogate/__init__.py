"""Surrogates: fake values of the same kind in the place of text that was masked."""
