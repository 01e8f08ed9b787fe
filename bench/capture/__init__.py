"""What recording costs and whether it loses anything: `make bench-capture`."""
