"""moto as a server: serves on a free port of 127.0.0.1, says `ready <URL>`, and ends when asked to.

`python -m scripts.local.aws.moto_server STREAMS_URL CALLS`: each write to a table whose stream leads to a
function is posted to STREAMS_URL, in order. What functions ask of DynamoDB is noted in the file CALLS, and
refused when their roles do not allow it; moto's own check takes no notice of which table it is. The Lambda
backend here only remembers what Terraform creates; scripts.local.lambda_.runtime is what runs it.
"""

import base64
import functools
import json
import os
import queue
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from moto import backends
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core import responses
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models.table import StreamRecord, StreamShard
from moto.dynamodb.responses import DynamoHandler
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

from scripts import local_system
from scripts.local.aws.permissions import Permissions


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


def _keep_code_of_versions() -> None:
    """Have a published version keep its code, and tell it as a data URL: AWS tells a URL too.

    moto tells of every version where the newest code was in S3, and Terraform deletes former zips there.
    """
    tell = LambdaFunction.get_code

    def with_code(function: Any) -> dict[str, Any]:
        told: dict[str, Any] = tell(function)
        if function.version != "$LATEST":
            code = base64.b64encode(function.code_bytes).decode()
            told["Code"] = {"RepositoryType": "S3", "Location": f"data:application/zip;base64,{code}"}
        return told

    setattr(LambdaFunction, "get_code", with_code)  # noqa: B010  # as below


def _one_call_at_a_time() -> None:
    """Have DynamoDB's calls wait for each other: moto reads, compares and writes a row in several steps."""
    call, lock = DynamoHandler.call_action, threading.RLock()

    def alone(handler: Any) -> Any:
        with lock:
            return call(handler)

    setattr(DynamoHandler, "call_action", alone)  # noqa: B010  # mypy refuses the plain assignment


def _no_more_than_roles_allow(calls: Path) -> None:
    """Have DynamoDB refuse to functions what their roles do not allow, and note their calls."""
    call, permissions = DynamoHandler.call_action, Permissions(_policies, calls)

    def allowed(handler: Any) -> Any:
        asked = json.loads(handler.body or "{}")
        action = handler.headers.get("X-Amz-Target", "").rpartition(".")[2]
        index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
        table = f"arn:aws:dynamodb:{handler.region}:{handler.current_account}:table/{asked.get('TableName')}"
        if permissions.allow(handler.headers.get("Authorization", ""), f"dynamodb:{action}", table + index):
            return call(handler)
        told = {
            "__type": "com.amazon.coral.service#AccessDeniedException",
            "Message": f"No {action} on {table}",
        }
        return 400, {}, json.dumps(told)

    setattr(DynamoHandler, "call_action", allowed)  # noqa: B010  # mypy refuses the plain assignment


def _policies(function: str) -> list[str] | None:
    try:
        role = lambda_simple_backends[DEFAULT_ACCOUNT_ID][local_system.REGION].get_function(function).role
    except UnknownFunctionException:
        return None
    held = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_role(role.rpartition("/")[2])
    return list(held.policies.values())


def _look_things_up_once() -> None:
    """Have moto remember what it would list anew for every call: its own folders and methods."""
    modules, methods = tuple(backends.list_of_moto_modules()), functools.cache(method_names_from_class)
    setattr(backends, "list_of_moto_modules", lambda: modules)  # noqa: B010  # as above
    setattr(responses, "method_names_from_class", methods)  # noqa: B010  # as above


def _rows_as_they_are() -> None:
    """Have rows sent as they are kept, in DynamoDB's JSON: moto would take most of a millisecond for each."""
    serialize = BaseJSONSerializer._serialize_type_structure

    def quickly(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue":
            serialized[key] = value
        else:
            serialize(serializer, serialized, value, shape, key)

    setattr(BaseJSONSerializer, "_serialize_type_structure", quickly)  # noqa: B010  # as above


def _post_streams(url: str) -> None:
    """Have what is written to tables posted to `url`; moto would invoke its Lambda as the writer waits."""
    written: queue.SimpleQueue[str] = queue.SimpleQueue()
    numbers = iter(range(100_000_000_000_000_000_000, 999_999_999_999_999_999_999))

    def add(shard: Any, old: Any, new: Any) -> None:
        table = shard.table
        # moto's own numbers begin anew whenever a function has been told.
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        kind = table.stream_specification["StreamViewType"]
        record = StreamRecord(table, kind, name, old, new, next(numbers)).to_json()
        record["dynamodb"]["ApproximateCreationDateTime"] = datetime.now(UTC).timestamp()
        partition = (old or new).hash_key.value
        for stream in {mapping.event_source_arn for mapping in table.lambda_event_source_mappings.values()}:
            # Written down at once: moto changes items in place.
            written.put(json.dumps({"stream": stream, "partition": partition, "record": record}))

    def post() -> None:
        with requests.Session() as session:
            while True:
                batch = [written.get()]
                while not written.empty():
                    batch.append(written.get())
                while not _posted(session, url, f"[{','.join(batch)}]"):
                    time.sleep(0.5)  # a record may come twice, as on AWS, but it comes

    setattr(StreamShard, "add", add)  # noqa: B010  # mypy refuses the plain assignment
    threading.Thread(target=post, name="streams", daemon=True).start()


def _posted(session: requests.Session, url: str, batch: str) -> bool:
    try:
        session.post(url, data=batch, timeout=10).raise_for_status()
    except requests.RequestException as problem:
        print(f"The stream's records could not be handed on: {problem}", file=sys.stderr)
        return False
    return True


def serve(streams_url: str, calls: Path) -> None:
    """Serve until asked to stop."""
    _keep_logging_config()
    _keep_code_of_versions()
    _one_call_at_a_time()
    _no_more_than_roles_allow(calls)
    _rows_as_they_are()
    _look_things_up_once()
    _post_streams(streams_url)
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
    serve(sys.argv[1], Path(sys.argv[2]))
