"""Agents of one's own: any object, kept and put back place by place, whatever framework it is made with.

Nothing here imports a framework: what an agent is made of has been imported by whoever made it.
"""

from .agent import Agent
from .capture import capture
from .into import Plan, check_into, fill_into
from .load import load, save
from .walk import Walk, walk

__all__ = ["Agent", "Plan", "Walk", "capture", "check_into", "fill_into", "load", "save", "walk"]
