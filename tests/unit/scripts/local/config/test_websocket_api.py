"""The WebSocket API and the event source mappings read from Terraform's state, and what is not supported."""

from typing import Any

import pytest

from scripts.local.config import event_sources, websocket_api
from scripts.local.config.event_sources import EventSource
from scripts.local.config.routes import Throttle
from scripts.local.config.terraform_state import NotServable, TerraformState
from scripts.local.config.websocket_api import Authorizer, MockRoute, WebSocketApi
from tests.support.websocket_state import BUCKET_ARN, FUNCTION_ARN, STREAM_ARN, resources


def _read(**changed: Any) -> WebSocketApi:
    return websocket_api.read(TerraformState({"root_module": resources(**changed)}))


def _sources(**changed: Any) -> tuple[EventSource, ...]:
    return event_sources.read(TerraformState({"root_module": resources(**changed)}))


def test_connect_has_its_function_authorizer_and_throttle():
    api = _read()

    assert (api.connect.function, api.connect.permitted, api.connect.timeout) == ("make", True, 11.0)
    assert api.connect.throttle == Throttle(rate=5, burst=9)
    assert api.authorizer == Authorizer("make", permitted=True)


def test_a_route_without_its_own_permission_is_not_permitted():
    assert _read().disconnect == websocket_api.FunctionRoute(
        "$disconnect", "make", permitted=False, throttle=Throttle(50, 100), timeout=11.0
    )


def test_a_mock_response_is_read_from_its_template():
    assert _read().messages["$default"] == MockRoute("$default", '{"type":"error"}', Throttle(50, 100))


def test_a_mock_response_without_a_route_response_never_reaches_the_client():
    assert _read().messages["silent"].body is None


def test_the_endpoint_is_the_one_in_the_settings_of_functions():
    assert _read().endpoint == "https://ws1.execute-api.us-east-1.amazonaws.com/ws"


@pytest.mark.parametrize(
    "changed",
    [
        {"without": ("api",)},
        {"without": ("stage",)},
        {"without": ("connect",)},
        {"without": ("integration_response",)},
        {"api": {"route_selection_expression": "$request.body.type"}},
        {"authorizer": {"authorizer_type": "JWT"}},
        {"authorizer": {"identity_sources": ["route.request.querystring.token"]}},
        {"function": {"integration_type": "HTTP"}},
        {"reply": {"integration_type": "HTTP"}},
        {"integration_response": {"integration_response_key": "/400/"}},
        {"integration_response": {"template_selection_expression": "500"}},
        {"integration_response": {"response_templates": {"200": "$input.body"}}},
    ],
)
def test_an_api_that_is_not_supported_is_rejected(changed: dict[str, Any]):
    with pytest.raises(NotServable):
        _read(**changed)


def test_a_mapping_has_its_limits_and_its_bucket_of_failed_records():
    (source,) = _sources()

    assert source == EventSource(
        uuid="11111111-2222-3333-4444-555555555555",
        function="make",
        function_arn=f"{FUNCTION_ARN}:live",
        stream_arn=STREAM_ARN,
        filters=({"eventName": ["MODIFY", "REMOVE"]},),
        batch_size=10,
        bisects=True,
        reports_failures=True,
        max_retries=3,
        max_age=None,
        failed_records_bucket="failed-records",
    )


@pytest.mark.parametrize(
    ("event", "matches"), [("INSERT", False), ("MODIFY", True), ("REMOVE", True), (None, False)]
)
def test_a_filter_matches_the_values_that_it_lists(event: str | None, matches: bool):
    (source,) = _sources()

    assert source.matches({"eventName": event}) is matches


@pytest.mark.parametrize(("status", "matches"), [("ended", True), ("active", False)])
def test_a_filter_matches_attributes_of_rows(status: str, matches: bool):
    pattern = {"dynamodb": {"NewImage": {"status": {"S": ["ended"]}}}}
    source = EventSource("uuid", "make", f"{FUNCTION_ARN}:live", STREAM_ARN, filters=(pattern,))

    assert source.matches({"dynamodb": {"NewImage": {"status": {"S": status}}}}) is matches


@pytest.mark.parametrize(
    "changed",
    [
        {"mapping": {"parallelization_factor": 2}},
        {"mapping": {"maximum_batching_window_in_seconds": 5}},
        {"mapping": {"starting_position": "TRIM_HORIZON"}},
        {"mapping": {"event_source_arn": BUCKET_ARN}},
        {"mapping": {"filter_criteria": [{"filter": [{"pattern": '{"eventName":[{"prefix":"M"}]}'}]}]}},
        {"without": ("bucket",)},
        {"without": ("alias",)},
    ],
)
def test_a_mapping_that_is_not_supported_is_rejected(changed: dict[str, Any]):
    with pytest.raises(NotServable):
        _sources(**changed)
