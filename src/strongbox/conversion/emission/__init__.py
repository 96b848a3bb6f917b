"""Values become the nodes of a pickle that an ordinary unpickler understands, whatever wrote the value.

The mirror of :mod:`strongbox.values.recipes`: for each kind of value one function, in a table. Every
release that an unmodified SB3 2.9 may meet can import the names, and none of them warns: Python 3.10 to
3.13, numpy 1.24 to 2, gymnasium 0.29 to 1.4. No part is shared, so equal values give equal bytes.
"""

from .emitter import to_node

__all__ = ["to_node"]
