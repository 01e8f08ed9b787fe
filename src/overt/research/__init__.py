"""Zone 3, jobs under a grant: from a release to an evaluated agent."""
