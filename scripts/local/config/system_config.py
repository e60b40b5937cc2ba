"""The configuration of the local system: everything it serves, as Terraform declares it."""

from collections.abc import Mapping
from dataclasses import dataclass

from scripts.local.config import event_sources, functions, http_api, schedules, websocket_api
from scripts.local.config.event_sources import EventSource
from scripts.local.config.functions import Function
from scripts.local.config.http_api import HttpApi
from scripts.local.config.schedules import Schedule
from scripts.local.config.terraform_state import NotServable, TerraformState
from scripts.local.config.websocket_api import WebSocketApi


@dataclass(frozen=True)
class SystemConfig:
    """Both APIs, event sources, schedules, the functions by name, and the user pool of speakers."""

    http_api: HttpApi
    websocket_api: WebSocketApi
    event_sources: tuple[EventSource, ...]
    schedules: tuple[Schedule, ...]
    functions: Mapping[str, Function]
    user_pool_id: str
    user_pool_client_id: str


def read(shown: str) -> SystemConfig:
    """Read the output of `terraform show -json` after an apply.

    Raises NotServable where a part is missing, of an unsupported kind, or invokes an undeclared function.
    """
    state = TerraformState.parse(shown)
    config = SystemConfig(
        http_api=http_api.read(state),
        websocket_api=websocket_api.read(state),
        event_sources=event_sources.read(state),
        schedules=schedules.read(state),
        functions=functions.read(state),
        user_pool_id=state.output("user_pool_id"),
        user_pool_client_id=state.output("user_pool_client_id"),
    )
    invoked = [(route.key, route.function) for route in config.http_api.routes]
    invoked += [(route.key, route.function) for route in config.websocket_api.functions]
    invoked += [(source.stream_arn, source.function) for source in config.event_sources]
    invoked += [(schedule.name, schedule.function) for schedule in config.schedules]
    for source, function in invoked:
        if function not in config.functions:
            raise NotServable(f"{source} invokes {function}, which Terraform does not declare.")
    return config
