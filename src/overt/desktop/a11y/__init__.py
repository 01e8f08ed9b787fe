"""Accessibility (AT-SPI): what has the focus, what is under a point, what is shown."""
