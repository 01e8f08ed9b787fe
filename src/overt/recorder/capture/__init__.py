"""From the desktop to records: lanes, screen, context, quarantine, session."""
