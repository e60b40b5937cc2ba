"""Garbage collection while a function starts.

What init creates is not garbage, but Python searches for garbage again and again while modules are imported:
5 % of a cold start of get_session, 9 % of create_session. Importing this module stops the search, so handlers
import it before the SDK; they end their init with `finish_init`.
"""

import gc
import sys

if "awslambdaric" in sys.modules:  # tests and tools import handlers too
    gc.disable()


def finish_init() -> None:
    """Exclude the objects that init has created from garbage collection, and resume it."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
