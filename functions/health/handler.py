"""GET /health: whether the service can read its table, and which build it is."""

import time

from shared import settings, wiring
from shared.events import http_api

STORE = wiring.store()
ENVIRONMENT = settings.text("ENV")
VERSION = settings.text("VERSION")


@http_api.endpoint
def handler(_request: http_api.Request) -> http_api.Response:
    started = time.perf_counter()
    healthy = STORE.answers()
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return http_api.health(
        healthy=healthy, environment=ENVIRONMENT, version=VERSION, response_time_ms=milliseconds
    )
