"""The system under load: its settings, and its sessions table for the audit."""

from scripts import local_system
from scripts.local.system import System
from tests.stress.faults.audit import Row, read_table

# The load must reach the functions and not the throttles of terraform/environments.
SETTINGS = {
    "throttles": "{http_api={default={requests_per_second=5000,burst=5000}},"
    "websocket_api={default={requests_per_second=1000,burst=2000}}}",
    "sessions_per_speaker_per_hour": "1000000",
}
TIMEOUT_S = 35  # of a request; API Gateway responds within 30 s


def sessions_table(running: System) -> dict[str, Row]:
    """Read the sessions table of a running system."""
    client = local_system.aws_client("dynamodb", running.aws.url)
    (name,) = {
        function.environment["SESSIONS_TABLE"]
        for function in running.config.functions.values()
        if "SESSIONS_TABLE" in function.environment
    }
    return read_table(client, name)
