"""Recordings at rest on the participant's machine, sealed to their own key."""
