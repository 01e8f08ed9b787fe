"""Alembic's migrations of the rows, run when the database is opened."""
