"""What the functions share: the domain in sessions/, around it tables, edges, telemetry and wiring."""

import gc
import sys

# What a function makes while it starts stays until it stops, so looking for garbage then finds none: 3 % of
# the instructions of a cold start. `started`, which each door's decorator calls last, turns it on again.
if "awslambdaric" in sys.modules:
    gc.disable()


def started() -> None:
    """End the start of a function: what is there by now is never looked at again, what comes now is."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
