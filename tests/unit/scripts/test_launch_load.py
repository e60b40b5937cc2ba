"""The load of a launch: cases computed by hand, agreement with the cost model, and with the simulation."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

import pytest

from scripts import launch_load, quotas
from scripts.docs import cost
from scripts.launch_load import LaunchLoad, Units, busiest_second
from scripts.project import ROOT
from tests.stress.scale.model import Consumer, Costs, Load, Settings, simulate

LISTENERS = cost.AUDIENCE - 1  # the cost model counts the speaker


def test_the_rates_of_a_launch():
    load = LaunchLoad(sessions=600, listeners=99, arrival_minutes=10)

    assert load.connections == 60_000
    assert load.creates == 1
    assert load.joins == 100
    assert load.joins_of_one_session == pytest.approx(1 / 6)
    assert load.counts == pytest.approx(92.1, abs=0.1)  # 600 x (1 - e^(-1/6))
    assert load.heartbeats == 200  # 12 an hour
    assert load.updates == pytest.approx(2 / 3)  # 4 an hour
    assert load.ends == 2  # within five minutes
    assert load.captions == 200  # one every three seconds


@pytest.mark.parametrize(("mean", "busiest"), [(0, 0), (1, 5), (4, 12), (100, 140), (2, 8)])
def test_the_busiest_second_is_four_standard_deviations_above_the_mean(mean: float, busiest: int):
    assert busiest_second(mean) == busiest


def test_a_session_is_counted_once_for_all_joins_in_a_window():
    crowded, sparse = LaunchLoad(10, 60_000, 1), LaunchLoad(10_000, 1, 10)

    assert crowded.counts == pytest.approx(10)  # each session in each second
    assert sparse.counts == pytest.approx(sparse.joins, rel=0.01)  # hardly two joins in one window


def by_table(calls: tuple[cost.Call, ...]) -> dict[str, Units]:
    """Return the units of the calls of DynamoDB by table."""
    writes, reads = Counter[str](), Counter[str]()
    for call in calls:
        table, _, operation = call.name.partition(":")
        if operation:
            writes[table] += call.writes  # type: ignore[assignment]
            reads[table] += call.reads  # type: ignore[assignment]
    return {table: Units(writes[table], reads[table]) for table in writes}


@pytest.mark.parametrize(
    ("operation", "units"),
    [
        ("get", launch_load.GET),
        ("connect", launch_load.JOIN),
        ("count listeners", launch_load.count_units(LISTENERS)),
        ("welcome a listener", launch_load.welcome_units(cost.LANGUAGES)),
        ("publish a caption", launch_load.PUBLISH),
        ("translate and send a caption", launch_load.send_units(LISTENERS, cost.LANGUAGES)),
        ("list captions", launch_load.list_units(cost.LANGUAGES)),
    ],
)
def test_an_operation_takes_the_units_that_the_cost_model_bills(operation: str, units: Mapping[str, Units]):
    assert units == by_table(cost.OPERATIONS[operation].calls)


def test_a_caption_in_many_languages_takes_more_units_and_one_in_none_fewer():
    # 250 bytes and 19 texts of 63 bytes are two units, and 20 of them are 8 reads.
    assert launch_load.send_units(500, 18) == {
        "sessions": Units(reads=1),
        "captions": Units(writes=1 + 2 * 2),
        "connections": Units(reads=2 * 20),
    }
    assert launch_load.welcome_units(18)["captions"] == Units(reads=8)
    # It is stored, and marked as delivered, after one query.
    assert launch_load.send_units(500, 0) == {
        "sessions": Units(reads=1),
        "captions": Units(writes=2),
        "connections": Units(reads=20),
    }


def test_a_create_with_a_key_takes_twice_the_units_of_its_session():
    (session,) = (call for call in cost.OPERATIONS["create"].calls if call.name == "sessions:PutItem")

    assert launch_load.CREATE["sessions"].writes == 2 * session.writes


def test_an_end_takes_the_units_of_its_own_calls_and_of_each_disconnect():
    calls = cost.OPERATIONS["delete"].calls + cost.OPERATIONS["notify of the end"].calls
    disconnects = cost.OPERATIONS["disconnect"].calls * cost.AUDIENCE

    assert launch_load.end_units(LISTENERS) == by_table(calls + disconnects)


def test_the_durations_are_those_of_the_cost_model():
    milliseconds = {name: operation.use.milliseconds for name, operation in cost.OPERATIONS.items()}

    assert milliseconds["connect"] == quotas.JOIN_MS
    assert milliseconds["get"] == quotas.GET_MS
    assert milliseconds["create"] == quotas.CREATE_MS
    assert milliseconds["delete"] == quotas.END_MS
    assert milliseconds["disconnect"] == quotas.DISCONNECT_MS
    assert milliseconds["publish a caption"] == quotas.PUBLISH_MS
    assert milliseconds["list captions"] == quotas.LIST_CAPTIONS_MS


def test_the_lanes_and_the_window_are_terraforms():
    root = (ROOT / "terraform" / "functions.tf").read_text()
    streams = re.findall(
        r"^    (\w+) = \{\n(?:(?!    \}\n).*\n)*?      stream += (\{ .* \}|\{\n(?:        .*\n)*      \})$",
        root,
        re.MULTILINE,
    )
    lanes = defaultdict[str, dict[str, int]](dict)
    for name, stream in streams:
        table = re.search(r'table += "(\w+)"', stream)
        factor = re.search(r"parallelization_factor += (\d+)", stream)
        assert table
        lanes[table[1]][name] = int(factor[1]) if factor else 1

    assert len(streams) == len(re.findall(r"^      stream +=", root, re.MULTILINE))
    assert lanes == quotas.LANES
    assert (
        f"batching_window_seconds = {launch_load.COUNT_WINDOW_S:g} " in dict(streams)["connections_changed"]
    )


@pytest.mark.parametrize(("sessions", "listeners"), [(50, 20), (300, 50)])
def test_the_simulation_stays_within_the_computed_requests(sessions: int, listeners: int):
    quick = Consumer(lanes=10, batch_size=10, window_s=0.0, memory_mb=1769, threads=16)
    costs = Costs(*[0.0005] * 9)
    settings = Settings(sessions=quick, connections=quick)

    outcome = simulate(settings, costs, Load(sessions, listeners, 4))

    (requests,) = [
        need.amount for need in quotas.needs(LaunchLoad(sessions, listeners)) if need.quota is quotas.REQUESTS
    ]
    assert 0 < outcome.requests_per_second <= requests
