"""Environments, oracles, scorers and baselines."""
