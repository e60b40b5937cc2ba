"""What the functions' wiring has built, forgotten: for tests that build it from other settings."""

from functools import _lru_cache_wrapper

from shared import wiring, wiring_connections, wiring_limits, wiring_listing, wiring_streams, wiring_tokens

MODULES = (wiring, wiring_connections, wiring_limits, wiring_listing, wiring_streams, wiring_tokens)


def forget_what_is_built() -> None:
    """Have each builder build anew when it is next called."""
    for module in MODULES:
        for built in vars(module).values():
            if isinstance(built, _lru_cache_wrapper):
                built.cache_clear()
