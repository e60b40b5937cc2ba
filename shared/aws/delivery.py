"""Delivery over API Gateway, with as many threads and connections as it uses at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shared.audience.delivery import MAX_PARALLEL, Delivery
from shared.aws import management_api
from shared.clock import now_ms

if TYPE_CHECKING:
    from botocore.config import Config

    from shared.audience.ports import ConnectionStore


def create_delivery(
    connections: "ConnectionStore",
    endpoint: str,
    *,
    sessions_at_once: int = 1,
    config: "Config" = management_api.DEFAULT_CONFIG,
) -> Delivery:
    """Return a Delivery to the connections of a stage; `endpoint` is the setting WEBSOCKET_ENDPOINT.

    `sessions_at_once` is the number of sessions that are served at the same time. Threads are started when
    they are needed.
    """
    parallel = sessions_at_once * MAX_PARALLEL
    client = management_api.create_client(endpoint, max_connections=parallel, config=config)
    return Delivery(
        connections, management_api.ManagementApi(client), ThreadPoolExecutor(parallel), now_ms, time.sleep
    )
