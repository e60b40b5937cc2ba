"""moto as a server on a free port of 127.0.0.1. It prints `ready <URL>` and ends on SIGTERM.

`python -m scripts.local.aws.moto_server STREAMS_URL INVOKE_URL CALLS` posts the records of table streams to
STREAMS_URL, in order. It checks functions' calls to DynamoDB, Kinesis and S3 against their roles, since
moto's own check ignores the resource, and logs them to the file CALLS. A URL that a function has signed may
do what the function may, until it expires. Its Lambda only stores what Terraform creates;
scripts.local.lambda_ runs it, and calls of Invoke are forwarded to INVOKE_URL.
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
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from xml.sax.saxutils import escape

import requests
from moto import backends
from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core import responses, routing
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import BaseResponse
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models.table import StreamRecord, StreamShard
from moto.dynamodb.responses import DynamoHandler
from moto.iam.models import iam_backends
from moto.kinesis.responses import KinesisResponse
from moto.moto_api._internal.urls import url_paths
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer

from scripts import local_system
from scripts.local.aws import signed_urls, transactions
from scripts.local.aws.patching import Method, wrap
from scripts.local.aws.permissions import Permissions, kinesis_permissions, needed_permissions, s3_call

INVOCATION_SECONDS = 910
"""More than the longest timeout of a function, which is 900 s.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""


def _keep_logging_config() -> None:
    """Keep LoggingConfig of functions. moto drops it, and Terraform would plan to add it again."""

    @wrap(LambdaFunction, "__init__")
    def _(
        create: Method, function: Any, account_id: str, spec: dict[str, Any], *more: Any, **named: Any
    ) -> None:
        create(function, account_id, spec, *more, **named)
        function.logging_config = spec.get("LoggingConfig", {})

    @wrap(LambdaFunction, "get_configuration")
    def _(describe: Method, function: Any, *options: Any, **named: Any) -> dict[str, Any]:
        return {**describe(function, *options, **named), "LoggingConfig": function.logging_config}

    @wrap(LambdaFunction, "update_configuration")
    def _(update: Method, function: Any, changes: dict[str, Any]) -> Any:
        function.logging_config = changes.get("LoggingConfig", function.logging_config)
        return update(function, changes)


def _keep_code_of_versions() -> None:
    """Return the code of a published version as a data URL.

    moto returns for every version where the newest code was in S3, and Terraform deletes former zips there.
    """

    @wrap(LambdaFunction, "get_code")
    def _(get_code: Method, function: Any) -> dict[str, Any]:
        response: dict[str, Any] = get_code(function)
        if function.version != "$LATEST":
            code = base64.b64encode(function.code_bytes).decode()
            location = f"data:application/zip;base64,{code}"
            response["Code"] = {"RepositoryType": "S3", "Location": location}
        return response


def _forward_invocations(url: str) -> None:
    """Forward calls of Invoke as they are to the InvokeApi at `url`. moto's own would run nothing."""

    @wrap(LambdaResponse, "invoke")
    def _(_: Method, handler: Any) -> Any:
        names = ("Authorization", "X-Amz-Invocation-Type")
        answer = requests.post(
            url + handler.path,
            params=handler.querystring,
            data=handler.body,
            headers={name: handler.headers[name] for name in names if name in handler.headers},
            timeout=INVOCATION_SECONDS,
        )
        kept = ("content-type", "x-amz")
        headers = {name: value for name, value in answer.headers.items() if name.lower().startswith(kept)}
        return answer.content, {**headers, "status": answer.status_code}  # moto takes the status from there


def _run_transactions() -> None:
    """Run transactions as DynamoDB does. Tests inject conflicts by a POST of their `table` and `count`."""
    dynamodb = transactions.install()

    def inject(request: Any, _url: str, _headers: Any) -> tuple[int, dict[str, str], str]:
        dynamodb.inject_conflicts(**json.loads(request.data))
        return 200, {}, ""

    cast("dict[str, Any]", url_paths)["{0}" + transactions.CONFLICTS_PATH] = inject


def _serialize_kinesis_calls() -> None:
    """Run one call of Kinesis at a time. moto would give two records the same number, and keep only one."""
    lock = threading.RLock()

    @wrap(KinesisResponse, "call_action")
    def _(call: Method, handler: Any) -> Any:
        with lock:
            return call(handler)


def _check_permissions(
    permissions: Permissions,
    service: type[BaseResponse],
    name: str,
    needed: Callable[[str, Mapping[str, Any]], Iterable[tuple[str, str]]],
    error: str,
) -> None:
    """Refuse calls of functions to a service that their roles do not allow, and log all of their calls.

    `name` is the service in ARNs, `needed` returns the actions of a call, each with the end of its
    resource's ARN, and `error` is that of a call that is refused.
    """

    @wrap(service, "call_action")
    def _(call: Method, handler: Any) -> Any:
        request = json.loads(handler.body or "{}")
        action = handler.headers.get("X-Amz-Target", "").rpartition(".")[2]
        prefix = f"arn:aws:{name}:{handler.region}:{handler.current_account}:"
        for permission, resource in needed(action, request):
            signer = handler.headers.get("Authorization", "")
            if not permissions.allow(signer, permission, prefix + resource):
                return 400, {}, json.dumps({"__type": error, "Message": f"No {permission} on {resource}"})
        return call(handler)


def _check_s3_calls(permissions: Permissions) -> None:
    """Do the same with S3. Refuse a presigned URL that has expired."""

    def check(serve: Method, handler: Any, request: Any, url: str, headers: Any) -> Any:
        if signed_urls.has_expired(url, datetime.now(UTC)):
            return _access_denied("Request has expired")
        action, resource = s3_call(request.method, url)
        signer = request.headers.get("Authorization", "") or signed_urls.signature(url)
        if not permissions.allow(signer, action, resource):
            return _access_denied(f"No {action} on {resource}")
        return serve(handler, request, url, headers)

    wrap(S3Response, "key_response")(check)
    wrap(S3Response, "bucket_response")(check)


def _access_denied(message: str) -> tuple[int, dict[str, str], str]:
    xml = f"<Error><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>"
    return 403, {"Content-Type": "application/xml"}, xml


def _policies(function: str) -> list[str] | None:
    try:
        arn = lambda_simple_backends[DEFAULT_ACCOUNT_ID][local_system.REGION].get_function(function).role
    except UnknownFunctionException:
        return None
    role = iam_backends[DEFAULT_ACCOUNT_ID]["aws"].get_role(arn.rpartition("/")[2])
    return list(role.policies.values())


def _cache_lookups() -> None:
    """Cache what moto lists again for every call: its own folders and methods."""
    modules, methods = tuple(backends.list_of_moto_modules()), functools.cache(method_names_from_class)
    wrap(backends, "list_of_moto_modules")(lambda _: modules)
    wrap(responses, "method_names_from_class")(lambda _, class_: methods(class_))


def _build_models_once() -> None:
    """Build the model and the routes of a service once.

    moto builds them in every request that comes before the first one has, and Terraform begins with twenty.
    """
    lock = threading.RLock()

    def one_at_a_time(build: Method, *args: Any) -> Any:
        with lock:
            return build(*args)

    wrap(routing, "get_service_model")(one_at_a_time)
    wrap(responses, "get_service_model")(one_at_a_time)
    wrap(responses, "get_service_router")(one_at_a_time)
    wrap(routing.ServiceOperationRouter, "_get_router")(one_at_a_time)


def _send_rows_unchanged() -> None:
    """Send rows as they are stored, in DynamoDB's JSON. moto needs most of a millisecond for each."""

    @wrap(BaseJSONSerializer, "_serialize_type_structure")
    def _(serialize: Method, serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue":
            serialized[key] = value
        else:
            serialize(serializer, serialized, value, shape, key)


def _post_streams(url: str) -> None:
    """Post the records of table streams to `url`. moto would invoke its Lambda while the writer waits.

    Writes run one at a time: see transactions.py.
    """
    written: queue.SimpleQueue[str] = queue.SimpleQueue()
    records: list[str] = []
    updating = False
    # moto's own numbers start again whenever a function was invoked.
    numbers = iter(range(100_000_000_000_000_000_000, 999_999_999_999_999_999_999))

    @wrap(StreamShard, "add")
    def _(_: Method, shard: Any, old: Any, new: Any) -> None:
        table = shard.table
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        view_type = table.stream_specification["StreamViewType"]
        record = StreamRecord(table, view_type, name, old, new, next(numbers)).to_json()
        # As DynamoDB does: a write that changes nothing has no record.
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
        if name == "MODIFY" and record["dynamodb"]["OldImage"] == record["dynamodb"]["NewImage"]:
            return
        record["dynamodb"]["ApproximateCreationDateTime"] = datetime.now(UTC).timestamp()
        partition = (old or new).hash_key.value
        # Serialized at once: moto changes items in place.
        stream = f"{table.table_arn}/stream/{table.latest_stream_label}"
        records.append(json.dumps({"stream": stream, "partition": partition, "record": record}))
        if not updating:
            flush()

    @wrap(DynamoHandler, "update_item")
    def _(update: Method, handler: Any) -> Any:
        nonlocal updating
        updating = True
        try:
            return update(handler)
        finally:
            updating = False
            flush()

    def flush() -> None:
        for entry in _merge_creation(records):
            written.put(entry)
        records.clear()

    def post() -> None:
        with requests.Session() as session:
            while True:
                batch = [written.get()]
                while not written.empty():
                    batch.append(written.get())
                while not _posted(session, url, f"[{','.join(batch)}]"):
                    time.sleep(0.5)  # a record may arrive twice, as on AWS, but it arrives

    threading.Thread(target=post, name="streams", daemon=True).start()


def _merge_creation(entries: list[str]) -> list[str]:
    """Return the entries of one call, with one INSERT for each item that an update has created.

    moto first creates an item that has only the key, with an INSERT of its own.
    """
    parsed = [json.loads(entry) for entry in entries]

    def identity(entry: Any) -> object:
        return entry["stream"], entry["record"]["eventName"], entry["record"]["dynamodb"]["Keys"]

    return [
        entry
        for index, entry in enumerate(entries)
        if not (
            parsed[index]["record"]["eventName"] == "INSERT"
            and index + 1 < len(entries)
            and identity(parsed[index]) == identity(parsed[index + 1])
        )
    ]


def _posted(session: requests.Session, url: str, batch: str) -> bool:
    try:
        session.post(url, data=batch, timeout=10).raise_for_status()
    except requests.RequestException as problem:
        print(f"Stream records could not be posted: {problem}", file=sys.stderr)
        return False
    return True


def serve(streams_url: str, invoke_url: str, calls: Path) -> None:
    """Serve until SIGTERM."""
    _keep_logging_config()
    _keep_code_of_versions()
    _forward_invocations(invoke_url)
    _run_transactions()
    _serialize_kinesis_calls()
    permissions = Permissions(_policies, calls)
    denied = "AccessDeniedException"
    _check_permissions(
        permissions, DynamoHandler, "dynamodb", needed_permissions, f"com.amazon.coral.service#{denied}"
    )
    _check_permissions(permissions, KinesisResponse, "kinesis", kinesis_permissions, denied)
    _check_s3_calls(permissions)
    _send_rows_unchanged()
    _cache_lookups()
    _build_models_once()
    _post_streams(streams_url)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    # Without this moto keeps functions where _policies does not find them, and looks for Docker.
    config = {"lambda": {"use_docker": False}}
    requests.post(f"{url}/moto-api/config", json=config, timeout=10).raise_for_status()
    print(f"ready {url}", flush=True)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()
    os._exit(0)  # moto has nothing to save, and its threads would take time to end


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
