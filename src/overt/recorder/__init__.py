"""Zone 1, a participant's machine: records what was agreed, and nothing else."""
