"""``python -m strongbox``: the same as the command ``strongbox``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
