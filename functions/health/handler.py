"""GET /health: whether the sessions table can be read, and which release runs."""

import time

from shared import settings, startup
from shared.aws.dynamodb import create_client
from shared.aws.sessions_table import SessionsTable
from shared.events import http_api

sessions = SessionsTable(create_client(), settings.text("SESSIONS_TABLE"))
environment = settings.text("ENV")
version = settings.text("VERSION")
startup.finish_init()


@http_api.endpoint
def handler(_request: http_api.Request) -> http_api.Response:
    started = time.perf_counter()
    healthy = sessions.ping()
    response_time_ms = round((time.perf_counter() - started) * 1000, 1)
    return http_api.health(
        healthy=healthy, environment=environment, version=version, response_time_ms=response_time_ms
    )
