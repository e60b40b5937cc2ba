"""The HTTP API of dev, in the emulator."""

from tests.system.conftest import alice, call, opened, path  # noqa: F401  # they build on `system`
