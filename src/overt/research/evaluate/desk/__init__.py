"""A desktop as real processes, for agents under test and for scripted workers."""

from overt.research.evaluate.desk.browser import Browser
from overt.research.evaluate.desk.desk import Desk, wants_human

__all__ = ["Browser", "Desk", "wants_human"]
