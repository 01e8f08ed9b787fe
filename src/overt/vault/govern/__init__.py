"""Roster, policy, consent, grants, halt and withdrawal: who may do what."""
