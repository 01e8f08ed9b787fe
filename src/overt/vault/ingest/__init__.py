"""Admission of devices, consent records and sealed segments."""
