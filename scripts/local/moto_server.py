"""moto as a server: serves on a free port of 127.0.0.1, says `ready <URL>`, and ends when asked to.

The Lambda backend here only remembers what Terraform creates; scripts.local.runtime is what runs it.
"""

import os
import signal
import threading
from typing import Any

import requests
from moto.awslambda.models import LambdaFunction
from moto.dynamodb.responses import DynamoHandler
from moto.server import ThreadedMotoServer


def _keep_logging_config() -> None:
    """Have moto tell a function's LoggingConfig: it takes and forgets it, so Terraform would see it gone."""
    create, show, update = (
        LambdaFunction.__init__,
        LambdaFunction.get_configuration,
        LambdaFunction.update_configuration,
    )

    def remember(function: Any, account_id: str, spec: dict[str, Any], *others: Any, **named: Any) -> None:
        create(function, account_id, spec, *others, **named)
        function.logging_config = spec.get("LoggingConfig", {})

    def tell(function: Any, *options: Any, **named: Any) -> dict[str, Any]:
        return {**show(function, *options, **named), "LoggingConfig": function.logging_config}

    def change(function: Any, changes: dict[str, Any]) -> dict[str, Any]:
        function.logging_config = changes.get("LoggingConfig", function.logging_config)
        return update(function, changes)

    methods = {"__init__": remember, "get_configuration": tell, "update_configuration": change}
    for name, method in methods.items():
        setattr(LambdaFunction, name, method)


def _make_dynamodb_atomic() -> None:
    """Have moto answer DynamoDB's calls one at a time: others come between a condition and its write."""
    answer = DynamoHandler.call_action
    lock = threading.RLock()

    def one_at_a_time(handler: Any) -> Any:
        with lock:
            return answer(handler)

    DynamoHandler.call_action = one_at_a_time  # type: ignore[method-assign]


def serve() -> None:
    """Serve until asked to stop."""
    _keep_logging_config()
    _make_dynamodb_atomic()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # Without this moto looks for Docker when a function is invoked.
    config = {"lambda": {"use_docker": False}}
    requests.post(f"{url}/moto-api/config", json=config, timeout=10).raise_for_status()
    print(f"ready {url}", flush=True)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()
    os._exit(0)  # nothing here is worth saving, and moto's threads would take their time


if __name__ == "__main__":
    serve()
