"""The command line: thin; it parses, calls one library function, and shows what comes back."""

from .commands import main
from .parser import build_parser

__all__ = ["build_parser", "main"]
