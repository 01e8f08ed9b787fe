"""The demonstration: every stage of overt, real, on one machine."""
