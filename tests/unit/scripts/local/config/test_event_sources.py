"""The event sources that Terraform declares; unsupported ones are refused."""

import json
from typing import Any

import pytest

from scripts.local.config import event_sources
from scripts.local.config.event_sources import EventSource
from scripts.local.config.terraform_state import NotServable, TerraformState
from tests.support.websocket_state import BUCKET_ARN, FUNCTION_ARN, STREAM_ARN, resources


def _sources(**changed: Any) -> tuple[EventSource, ...]:
    return event_sources.read(TerraformState({"root_module": resources(**changed)}))


def test_a_mapping_has_its_limits_and_its_bucket_of_failed_records():
    (source,) = _sources()

    assert source == EventSource(
        uuid="11111111-2222-3333-4444-555555555555",
        function="make",
        function_arn=f"{FUNCTION_ARN}:live",
        stream_arn=STREAM_ARN,
        filters=({"eventName": ["MODIFY", "REMOVE"]},),
        from_oldest=False,
        parallelization_factor=1,
        batch_size=10,
        batching_window=0,
        bisects=True,
        reports_failures=True,
        max_retries=3,
        max_age=None,
        failed_records_bucket="failed-records",
    )


def test_a_mapping_has_its_starting_position_its_lanes_and_its_window():
    (source,) = _sources(
        mapping={
            "starting_position": "TRIM_HORIZON",
            "parallelization_factor": 10,
            "maximum_batching_window_in_seconds": 1,
        }
    )

    assert (source.from_oldest, source.parallelization_factor, source.batching_window) == (True, 10, 1)


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
    ("expected", "record", "matches"),
    [
        ([{"exists": True}], {"dynamodb": {"NewImage": {"absentSince": {"N": "1"}}}}, True),
        ([{"exists": True}], {"dynamodb": {"NewImage": {}}}, False),
        ([{"exists": True}], {"dynamodb": {}}, False),
        ([{"exists": True}], {"dynamodb": {"NewImage": {"absentSince": {"N": {}}}}}, False),
        ([{"exists": False}], {"dynamodb": {"NewImage": {"absentSince": {"N": "1"}}}}, False),
        ([{"exists": False}], {"dynamodb": {"NewImage": {}}}, True),
        ([{"exists": False}, "1"], {"dynamodb": {"NewImage": {"absentSince": {"N": "1"}}}}, True),
    ],
)
def test_a_filter_can_ask_whether_a_leaf_exists(
    expected: list[object], record: dict[str, Any], matches: bool
):
    pattern = json.dumps({"dynamodb": {"NewImage": {"absentSince": {"N": expected}}}})
    (source,) = _sources(mapping={"filter_criteria": [{"filter": [{"pattern": pattern}]}]})

    assert source.matches(record) is matches


@pytest.mark.parametrize(
    "changed",
    [
        {"mapping": {"starting_position": "AT_TIMESTAMP"}},
        {"mapping": {"event_source_arn": BUCKET_ARN}},
        {"mapping": {"filter_criteria": [{"filter": [{"pattern": '{"eventName":[{"prefix":"M"}]}'}]}]}},
        {"without": ("bucket",)},
        {"without": ("alias",)},
    ],
)
def test_a_mapping_that_is_not_supported_is_rejected(changed: dict[str, Any]):
    with pytest.raises(NotServable):
        _sources(**changed)
