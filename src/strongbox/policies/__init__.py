"""Policies: an archive's networks as a graph of layers, and numpy to run it. No torch, no SB3."""

from .distributions import Binary, Categories, Distribution, Gaussian
from .graph import Graph, Input, Node
from .open import open_policy
from .policy import Evaluation, Policy
from .spec import PolicySpec

__all__ = [
    "Binary",
    "Categories",
    "Distribution",
    "Evaluation",
    "Gaussian",
    "Graph",
    "Input",
    "Node",
    "Policy",
    "PolicySpec",
    "open_policy",
]
