"""Pages for every role over the vault, without keys and without recorded content."""
