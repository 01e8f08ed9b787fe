"""Datasets: Parquet with manifest and card, sealed at rest."""
