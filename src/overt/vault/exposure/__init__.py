"""Who could read what: found in the real environment and proved by trying."""
