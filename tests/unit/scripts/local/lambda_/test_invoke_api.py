"""Lambda's Invoke on the local AWS runs the functions of the local system, and answers as Lambda does."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from scripts import local_system
from scripts.local.aws import local_aws
from scripts.local.event_loop import EventLoop
from scripts.local.lambda_.invocation import Result, Throttled, TooLarge, UnknownFunction
from scripts.local.lambda_.invoke_api import InvokeApi
from scripts.local.servers import listening
from tests.unit.scripts.local.conftest import function

ARN = "arn:aws:lambda:us-east-1:123456789012:function:sweep"


class Functions:
    """A fake of the aliases: it keeps what was invoked and returns `result`, or raises `raises`."""

    def __init__(self) -> None:
        self.invoked: list[tuple[str, str, object]] = []
        self.result = Result(b'{"done":true}', version="7")
        self.raises: Exception | None = None

    async def invoke(self, function: str, payload: bytes, *, qualifier: str, trace_id: str = "") -> Result:
        self.invoked.append((function, qualifier, json.loads(payload)))
        if self.raises:
            raise self.raises
        return self.result


class Setup:
    """A local AWS that forwards to `api`; `denied` are the ARNs that no signer may invoke."""

    def __init__(self, aws_url: str, invoke_url: str, api: InvokeApi) -> None:
        self.client: Any = local_system.aws_client("lambda", aws_url)
        self.invoke_url = invoke_url
        self.api = api
        self.denied: set[str] = set()
        self.functions = Functions()

    def serve(self) -> None:
        self.api.serve({"sweep": function("sweep")}, self.functions, self._allow)  # type: ignore[arg-type]

    def _allow(self, authorization: str, action: str, resource: str) -> bool:
        assert action == "lambda:InvokeFunction"
        return resource not in self.denied


@pytest.fixture(scope="module")
def forwarding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, InvokeApi]]:
    with contextlib.ExitStack() as stack:
        api = InvokeApi()
        invoke_url = stack.enter_context(listening(stack.enter_context(EventLoop()), api))
        log = tmp_path_factory.mktemp("aws") / "log"
        aws = stack.enter_context(local_aws.running(log, "http://127.0.0.1:9", invoke_url))
        yield aws.url, invoke_url, api


@pytest.fixture
def setup(forwarding: tuple[str, str, InvokeApi]) -> Setup:
    setup = Setup(*forwarding)
    setup.serve()
    return setup


@pytest.mark.parametrize(
    ("parameters", "qualifier"),
    [
        ({"FunctionName": "sweep"}, "$LATEST"),
        ({"FunctionName": "sweep:live"}, "live"),
        ({"FunctionName": "sweep:3"}, "3"),
        ({"FunctionName": "sweep", "Qualifier": "live"}, "live"),
        ({"FunctionName": ARN}, "$LATEST"),
        ({"FunctionName": f"{ARN}:live"}, "live"),
        ({"FunctionName": f"{ARN}:$LATEST"}, "$LATEST"),
        ({"FunctionName": "123456789012:function:sweep:live"}, "live"),
    ],
)
def test_a_function_is_invoked_by_its_name_its_alias_or_its_arn(
    setup: Setup, parameters: dict[str, str], qualifier: str
):
    response = setup.client.invoke(**parameters, Payload=b'{"time": "now"}')

    assert setup.functions.invoked == [("sweep", qualifier, {"time": "now"})]
    assert (response["StatusCode"], response["ExecutedVersion"]) == (200, "7")
    assert "FunctionError" not in response
    assert response["Payload"].read() == b'{"done":true}'


def test_without_a_payload_the_event_is_an_empty_object(setup: Setup):
    setup.client.invoke(FunctionName="sweep:live")

    assert setup.functions.invoked == [("sweep", "live", {})]


def test_a_function_that_fails_is_reported_with_its_error(setup: Setup):
    setup.functions.result = Result(b'{"errorMessage":"no","errorType":"ValueError"}', error="ValueError")

    response = setup.client.invoke(FunctionName="sweep:live")

    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert json.load(response["Payload"])["errorType"] == "ValueError"


@pytest.mark.parametrize(
    ("raised", "code", "status"),
    [
        (UnknownFunction("sweep:live"), "ResourceNotFoundException", 404),
        (Throttled(), "TooManyRequestsException", 429),
        (TooLarge(), "RequestTooLargeException", 413),
    ],
)
def test_an_invocation_that_lambda_refuses_is_refused_with_its_code(
    setup: Setup, raised: Exception, code: str, status: int
):
    setup.functions.raises = raised

    with pytest.raises(ClientError) as refused:
        setup.client.invoke(FunctionName="sweep:live")

    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"FunctionName": "unknown"}, "ResourceNotFoundException"),
        ({"FunctionName": "sweep:live:1"}, "ValidationException"),
        ({"FunctionName": "sweep", "Payload": b"not JSON"}, "InvalidRequestContentException"),
        ({"FunctionName": "sweep", "InvocationType": "Event"}, "InvalidParameterValueException"),
    ],
)
def test_a_request_that_names_no_function_or_has_no_event_is_refused(
    setup: Setup, parameters: dict[str, Any], code: str
):
    with pytest.raises(ClientError, match=code):
        setup.client.invoke(**parameters)

    assert setup.functions.invoked == []


def test_a_signer_may_invoke_only_what_its_role_allows(setup: Setup):
    setup.denied.add(f"{ARN}:live")

    with pytest.raises(ClientError, match="AccessDeniedException"):
        setup.client.invoke(FunctionName="sweep:live")

    assert setup.functions.invoked == []


def test_a_request_without_a_signature_is_refused(setup: Setup):
    url = f"{setup.invoke_url}/2015-03-31/functions/sweep/invocations"

    assert requests.post(url, data=b"{}", timeout=5).status_code == 403
    assert setup.functions.invoked == []
