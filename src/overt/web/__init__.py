"""What all pages share: base template, style, player, security headers."""
