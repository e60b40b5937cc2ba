"""What the functions share: the domain in sessions/, around it table, HTTP edge, telemetry and wiring."""

import gc
import sys

# What a function makes while it starts stays until it stops, so looking for garbage then finds none: 3 % of
# the instructions of a cold start. `http_api.endpoint`, which a door runs last, turns it on again.
if "awslambdaric" in sys.modules:
    gc.disable()
