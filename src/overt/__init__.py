"""overt: openly recorded work, sealed, governed, and turned into agents."""
