"""A model of captions: how long after publishCaption the last listener of a session has it.

Each session publishes a caption in regular intervals. The lanes of translate_captions read them from the
stream of live_captions, in batches, as `model.py` describes. A lane handles the sessions of a batch at the
same time on one processor, which their posts share equally, and the captions of a session one after the
other. Posts and messages of speakers take from the account's quota of requests. Posts that exceed it are
repeated as shared/audience/delivery.py repeats them, and then given up.

What the model does not have: joins, ends and heartbeats beside the captions, cold starts, and retries of
failed batches.
"""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from scripts.launch_load import CAPTION_INTERVAL_S, LANGUAGES
from scripts.quotas import PUBLISH_MS
from shared.audience.delivery import RETRY_INTERVAL_S
from shared.captions.translate import RETRY_MS
from tests.stress.scale.model import CALL_S, INVOKE_S, POLL_S, Consumer, Costs

BURST_S = 0.5
"""The quota of requests has a burst of so many seconds: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

CALLS_BEFORE_DELIVERY, CALLS_BETWEEN_CAPTIONS = 5, 2
"""The calls that follow one another: the session is read, the caption stored, the connections read, the
translations stored, the connections read again. Then the caption is marked, and the connections are read once
more for the next one.
"""


@dataclass(frozen=True)
class Translation:
    """How long a call of Amazon Translate takes: lognormal, and at most `timeout_s`, when it has failed.

    AWS publishes no figures. These are an assumption: 99 % of the calls take less than 350 ms.
    """

    median_s: float = 0.15
    sigma: float = 0.365
    timeout_s: float = 1.0

    def seconds(self, rng: random.Random, calls: int) -> float:
        """Return how long the slowest of so many parallel calls takes."""
        if not calls:
            return 0.0
        slowest = max(rng.lognormvariate(0.0, self.sigma) for _ in range(calls))
        return min(self.timeout_s, self.median_s * slowest)


@dataclass(frozen=True)
class Speech:
    """So many speaking sessions with so many listeners each, on a stream of so many shards.

    `requests_per_second` is the account's quota.
    """

    sessions: int
    listeners: int
    shards: int
    requests_per_second: float = math.inf
    interval_s: float = CAPTION_INTERVAL_S
    languages: int = LANGUAGES
    duration_s: float = 60.0

    @property
    def requests(self) -> float:
        """Mean requests per second: a message of each speaker, and a post for each connection."""
        return self.sessions / self.interval_s * (self.listeners + 2)


@dataclass
class Outcome:
    """Seconds from publishCaption to the last post of each caption, and what was used."""

    latencies: list[float] = field(default_factory=list)
    undelivered: int = 0
    throttled: int = 0
    requests: Counter[int] = field(default_factory=Counter)
    """Requests that were served, by second."""

    busy_s: Counter[int] = field(default_factory=Counter)
    """Processor seconds by lane."""

    lanes_share: float = 0.0
    """Share of the time in which the processor of the busiest lane was busy."""

    requests_share: float = 0.0
    """Share of the quota of requests that the busiest second used."""

    @property
    def limit(self) -> str:
        """What is nearest to its limit."""
        return "requests/s" if self.requests_share > self.lanes_share else "lanes"


def simulate(
    consumer: Consumer,
    costs: Costs,
    speech: Speech,
    translation: Translation | None = None,
    seed: int = 1,
) -> Outcome:
    """Simulate the captions of `duration_s`, until all are delivered or given up."""
    return _Simulation(consumer, costs, speech, translation or Translation(), random.Random(seed)).run()


class _Bucket:
    """Requests that the account may still make: a token bucket."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = per_second * BURST_S
        self._at = 0.0

    def take(self, now: float, wanted: int) -> int:
        """Return how many of the wanted requests are served."""
        if math.isinf(self._per_second):
            return wanted
        filled = self._tokens + (now - self._at) * self._per_second
        self._tokens, self._at = min(self._per_second * BURST_S, filled), now
        served = min(wanted, int(self._tokens))
        self._tokens -= served
        return served


@dataclass
class _Job:
    """Work on a lane's processor: it ends when the processor has spent `done_at` seconds on each job."""

    done_at: float
    earliest: float
    finished: Callable[[float], None]


@dataclass
class _Lane:
    number: int
    records: deque[tuple[float, int]] = field(default_factory=deque)
    """The times at which captions were published, with their sessions."""

    scheduled: bool = False
    groups: int = 0
    jobs: list[_Job] = field(default_factory=list)
    spent_s: float = 0.0
    """What the processor has spent on each of the jobs that are there all the time."""

    at: float = 0.0
    version: int = 0


@dataclass
class _Sending:
    """The captions of one session in a batch, and the connections that the first one has yet to reach."""

    lane: _Lane
    published: deque[float]
    rows: int
    deadline: float = 0.0


class _Simulation:
    def __init__(
        self, consumer: Consumer, costs: Costs, speech: Speech, translation: Translation, rng: random.Random
    ) -> None:
        self._consumer, self._costs, self._speech = consumer, costs, speech
        self._translation, self._rng = translation, rng
        self._bucket = _Bucket(speech.requests_per_second)
        self._outcome = Outcome()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self._lanes = [_Lane(number) for number in range(speech.shards * consumer.lanes)]

    def run(self) -> Outcome:
        speech, outcome = self._speech, self._outcome
        for _ in range(speech.sessions):
            lane = self._rng.choice(self._lanes)
            session = next(self._order)
            phase = self._rng.uniform(0, speech.interval_s)
            for number in range(int(speech.duration_s / speech.interval_s)):
                self._publish_at(phase + number * speech.interval_s, lane, session)
        while self._events:
            now, _, event = heapq.heappop(self._events)
            event(now)
        outcome.lanes_share = max(outcome.busy_s.values(), default=0.0) / speech.duration_s
        outcome.requests_share = max(outcome.requests.values(), default=0) / speech.requests_per_second
        return outcome

    def _at(self, time: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _request(self, now: float, wanted: int) -> int:
        served = self._bucket.take(now, wanted)
        self._outcome.requests[int(now)] += served
        self._outcome.throttled += wanted - served
        return served

    def _publish_at(self, at: float, lane: _Lane, session: int) -> None:
        def publish(now: float) -> None:
            if not self._request(now, 1):
                self._at(now + RETRY_INTERVAL_S, publish)
                return
            self._at(now + PUBLISH_MS / 1000, append)

        def append(now: float) -> None:
            lane.records.append((at, session))
            if not lane.groups and not lane.scheduled:
                lane.scheduled = True
                self._at(now + self._rng.uniform(0, POLL_S), lambda now: self._invoke(lane, now))

        self._at(at, publish)

    def _invoke(self, lane: _Lane, now: float) -> None:
        """Read a batch, and handle each of its sessions."""
        lane.scheduled = False
        batch = [lane.records.popleft() for _ in range(min(self._consumer.batch_size, len(lane.records)))]
        groups: dict[int, deque[float]] = {}
        for published, session in batch:
            groups.setdefault(session, deque()).append(published)
        lane.groups = len(groups)
        rows, costs = self._speech.listeners + 1, self._costs
        overhead = (costs.invocation + costs.record * len(batch)) / len(groups)
        for captions in groups.values():
            calls = len(captions) * (2 + self._speech.languages) + 1
            cpu_s = overhead + calls * costs.update + 2 * costs.of_query(rows)
            waits_s = CALLS_BEFORE_DELIVERY * CALL_S + self._translation.seconds(
                self._rng, len(captions) * self._speech.languages
            )
            sending = _Sending(lane, captions, rows)
            self._work(
                lane, now + INVOKE_S, cpu_s, waits_s, lambda now, sending=sending: self._begin(sending, now)
            )

    def _begin(self, sending: _Sending, now: float) -> None:
        sending.rows = self._speech.listeners + 1
        sending.deadline = now + RETRY_MS / 1000
        self._post(sending, now)

    def _post(self, sending: _Sending, now: float) -> None:
        """Send to the connections that are left. A throttled call takes as long as another."""
        served = self._request(now, sending.rows)
        cpu_s = sending.rows * self._costs.post
        waits_s = sending.rows * CALL_S / self._consumer.threads
        sending.rows -= served
        self._work(sending.lane, now, cpu_s, 0.0, lambda now: self._posted(sending, now), least_s=waits_s)

    def _posted(self, sending: _Sending, now: float) -> None:
        if sending.rows and now < sending.deadline:
            self._at(now + RETRY_INTERVAL_S, lambda now: self._post(sending, now))
            return
        self._outcome.undelivered += sending.rows
        self._outcome.latencies.append(now - sending.published.popleft())
        then = self._begin if sending.published else self._end
        cpu_s = self._costs.update
        if sending.published:
            cpu_s += self._costs.of_query(self._speech.listeners + 1)
        self._work(sending.lane, now, cpu_s, CALLS_BETWEEN_CAPTIONS * CALL_S, lambda now: then(sending, now))

    def _end(self, sending: _Sending, now: float) -> None:
        lane = sending.lane
        lane.groups -= 1
        if not lane.groups and lane.records:
            self._invoke(lane, now)

    def _work(
        self,
        lane: _Lane,
        at: float,
        cpu_s: float,
        waits_s: float,
        finished: Callable[[float], None],
        *,
        least_s: float = 0.0,
    ) -> None:
        """Use the lane's processor, then wait. It takes `least_s` also if the processor is free."""
        cpu_s /= min(1.0, self._consumer.memory_mb / 1769)

        def submit(now: float) -> None:
            self._advance(lane, now)
            lane.jobs.append(
                _Job(lane.spent_s + cpu_s, now + least_s, lambda now: self._at(now + waits_s, finished))
            )
            self._outcome.busy_s[lane.number] += cpu_s  # type: ignore[assignment]
            self._schedule(lane, now)

        self._at(at, submit)

    def _advance(self, lane: _Lane, now: float) -> None:
        """Spend the time since the last look on the jobs, in equal parts."""
        if lane.jobs:
            lane.spent_s += (now - lane.at) / len(lane.jobs)
        lane.at = now

    def _schedule(self, lane: _Lane, now: float) -> None:
        """Look again when the next job ends, if no other job begins or ends before."""
        lane.version += 1
        if not lane.jobs:
            return
        version = lane.version
        next_s = (min(job.done_at for job in lane.jobs) - lane.spent_s) * len(lane.jobs)

        def look(now: float) -> None:
            if version != lane.version:
                return
            self._advance(lane, now)
            done = [job for job in lane.jobs if job.done_at <= lane.spent_s + 1e-9]
            lane.jobs = [job for job in lane.jobs if job.done_at > lane.spent_s + 1e-9]
            for job in done:
                job.finished(max(now, job.earliest))
            self._schedule(lane, now)

        self._at(now + max(0.0, next_s), look)
