"""The commands: composition roots, one file a command group."""
