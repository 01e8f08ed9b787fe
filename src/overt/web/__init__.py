"""What all pages share: base template, style, player, sessions, security headers."""
