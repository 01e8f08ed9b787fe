"""The X11 desktop: XInput2, RECORD, DAMAGE, MIT-SHM, EWMH, XTEST."""
