"""Samples with known sensitive parts, and what masking leaves of them."""
