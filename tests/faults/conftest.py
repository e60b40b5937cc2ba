"""The whole system, run as `make run` runs it, and the handlers with tables in moto."""

from tests.system.conftest import alice, call, opened, path, system  # noqa: F401
from tests.unit.functions.conftest import client, handlers  # noqa: F401
