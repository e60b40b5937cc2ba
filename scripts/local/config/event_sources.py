"""The event source mappings that Terraform declares: which table stream invokes which function, and how."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.local.config.terraform_state import NotServable, TerraformState, function_name

Pattern = Mapping[str, Any]
"""A filter pattern: each leaf is the list of what matches, which is values and {"exists": true or false}.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""


@dataclass(frozen=True)
class EventSource:
    """An event source mapping. `max_retries` and `max_age` (seconds) are None for no limit.

    `function_arn` is the ARN of the alias that it invokes. `from_oldest` is whether it gets the records that
    were written before it existed (TRIM_HORIZON). `parallelization_factor` is how many batches of one shard
    are handled at once. A batch is complete at `batch_size` records, or `batching_window` seconds after its
    first record arrived. `failed_records_bucket` names the S3 bucket that stores records after the last
    retry; None discards them.
    """

    uuid: str
    function: str
    function_arn: str
    stream_arn: str
    filters: tuple[Pattern, ...] = ()
    from_oldest: bool = False
    parallelization_factor: int = 1
    batch_size: int = 100
    batching_window: float = 0.0
    bisects: bool = False
    reports_failures: bool = False
    max_retries: int | None = None
    max_age: float | None = None
    failed_records_bucket: str | None = None

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Return whether the record matches one of the filters, or there are none."""
        return not self.filters or any(_matches(pattern, record) for pattern in self.filters)


def read(state: TerraformState) -> tuple[EventSource, ...]:
    """Read all event source mappings. Raises NotServable for one that the local system does not support."""
    return tuple(_event_source(state, mapping) for mapping in state.all("aws_lambda_event_source_mapping"))


def _event_source(state: TerraformState, mapping: Mapping[str, Any]) -> EventSource:
    name = function_name(mapping["function_arn"])
    if mapping["starting_position"] not in ("LATEST", "TRIM_HORIZON"):
        raise NotServable(f"{name}: the local system supports the positions LATEST and TRIM_HORIZON only.")
    if ":table/" not in mapping["event_source_arn"]:
        raise NotServable(f"{name}: the local system supports table streams only.")
    filters = tuple(
        json.loads(entry["pattern"])
        for criteria in mapping["filter_criteria"] or []
        for entry in criteria["filter"]
    )
    for pattern in filters:
        _check(name, pattern)
    destinations = [
        target["destination_arn"]
        for destination in mapping["destination_config"] or []
        for target in destination["on_failure"]
    ]
    return EventSource(
        uuid=mapping["uuid"],
        function=name,
        # Not the mapping's own `function_arn`: moto replaces the alias in it by the version.
        function_arn=state.one("aws_lambda_alias", function_name=name)["arn"],
        stream_arn=mapping["event_source_arn"],
        filters=filters,
        from_oldest=mapping["starting_position"] == "TRIM_HORIZON",
        parallelization_factor=mapping["parallelization_factor"] or EventSource.parallelization_factor,
        batch_size=mapping["batch_size"] or EventSource.batch_size,
        batching_window=mapping["maximum_batching_window_in_seconds"] or EventSource.batching_window,
        bisects=bool(mapping["bisect_batch_on_function_error"]),
        reports_failures="ReportBatchItemFailures" in (mapping["function_response_types"] or ()),
        max_retries=_limit(mapping["maximum_retry_attempts"]),
        max_age=_limit(mapping["maximum_record_age_in_seconds"]),
        failed_records_bucket=(
            state.one("aws_s3_bucket", arn=destinations[0])["bucket"] if destinations else None
        ),
    )


def _limit(value: int | None) -> int | None:
    return None if value in (None, -1) else value


def _check(name: str, pattern: Pattern) -> None:
    for expected in pattern.values():
        if isinstance(expected, dict):
            _check(name, expected)
        elif not isinstance(expected, list) or not all(map(_supported, expected)):
            raise NotServable(f"{name}: the local system supports filters by equality and by exists only.")


def _supported(expected: object) -> bool:
    return not isinstance(expected, dict | list) or expected in ({"exists": True}, {"exists": False})


def _matches(pattern: Pattern, record: Mapping[str, Any]) -> bool:
    return all(
        _matches(expected, record.get(field) or {})
        if isinstance(expected, dict)
        else record.get(field) in expected or {"exists": _has_leaf(record, field)} in expected
        for field, expected in pattern.items()
    )


def _has_leaf(record: Mapping[str, Any], field: str) -> bool:
    return field in record and not isinstance(record[field], dict)
