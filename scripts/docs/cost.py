"""What the service costs: counted use times AWS's list prices. Writes the tables of docs/cost.md.

python -m scripts.docs.cost

tests/unit/docs/test_cost.py counts the same use in the real code, so the model cannot drift from it.
"""

from typing import NamedTuple

from scripts.docs.generated import markdown_table, with_part
from scripts.project import ROOT

DOCUMENT = ROOT / "docs/cost.md"

MEMORY_GB = 0.5

# What nobody can count beforehand: docs/cost.md says each of these.
COLD_SHARE = 0.02  # of invocations that find no warm function
COLD_MS = 400  # that such a one takes longer, billed like the rest
PAGE = 20  # sessions on a page of a list
AUDIENCE = 100  # listeners that somebody who comes or goes finds
STAY_HOURS = 1  # that a listener stays
HEARTBEATS_PER_HOUR = 12  # one in five minutes: half of what API Gateway waits for
CHANGES_PER_HOUR = 4  # of a session, that each listener is told of


class Price(NamedTuple):
    """List price of one unit in us-east-1, without free tiers and discounts."""

    unit: str
    usd: float
    per: int
    page: str


PRICES = {
    "http_requests": Price("HTTP API requests", 1.00, 1_000_000, "api-gateway"),
    "messages": Price("WebSocket messages of 32 KB", 1.00, 1_000_000, "api-gateway"),
    "connection_minutes": Price("WebSocket connection minutes", 0.25, 1_000_000, "api-gateway"),
    "invocations": Price("Lambda requests", 0.20, 1_000_000, "lambda"),
    "gb_seconds": Price("Lambda GB-seconds, x86", 16.6667, 1_000_000, "lambda"),
    "writes": Price("DynamoDB write request units", 0.625, 1_000_000, "dynamodb"),
    "reads": Price("DynamoDB read request units", 0.125, 1_000_000, "dynamodb"),
    "log_bytes": Price("log bytes taken in", 0.50, 10**9, "cloudwatch"),
    "traces": Price("X-Ray traces", 5.00, 1_000_000, "xray"),
}

MONTHLY_PRICES = {
    "metrics": Price("metrics of our own, and of each route", 0.30, 1, "cloudwatch"),
    "alarm_metrics": Price("metrics that alarms look at", 0.10, 1, "cloudwatch"),
    "composite_alarms": Price("composite alarms", 0.50, 1, "cloudwatch"),
    "dashboards": Price("dashboards", 3.00, 1, "cloudwatch"),
    "keys": Price("KMS keys", 1.00, 1, "kms"),
}

# At most, for one environment with alarms. A language counts when somebody speaks it.
MONTHLY = {"metrics": 70, "alarm_metrics": 90, "composite_alarms": 2, "dashboards": 1, "keys": 1}


class Use(NamedTuple):
    """What one operation uses. `milliseconds` is what its functions run when warm: an assumption."""

    http_requests: float = 0
    messages: float = 0
    connection_minutes: float = 0
    invocations: float = 0
    milliseconds: float = 0
    writes: float = 0
    reads: float = 0
    log_bytes: float = 0
    traces: float = 0

    def times(self, count: float) -> "Use":
        """The same, so many times."""
        return Use(*(value * count for value in self))

    def plus(self, other: "Use") -> "Use":
        """Both."""
        return Use(*(mine + its for mine, its in zip(self, other, strict=True)))


# One of each. A write of a session is also one of the index by speaker, and of the index by status one for a
# new row or language and two for a new status. X-Ray keeps 5 % of the requests.
CREATE = Use(http_requests=1, invocations=1, milliseconds=25, writes=4, log_bytes=915, traces=0.05)
GET = Use(http_requests=1, invocations=1, milliseconds=12, reads=1, log_bytes=600, traces=0.05)
LIST = Use(http_requests=1, invocations=1, milliseconds=20, reads=1, log_bytes=590, traces=0.05)
CHANGE = Use(http_requests=1, invocations=1, milliseconds=15, writes=4, log_bytes=615, traces=0.05)
# Without the listeners, whose part is among theirs: session_changed reads the session and who is there.
NOTICE = Use(invocations=1, milliseconds=60, reads=2)
# authorize_connection and connect_session; $connect and $disconnect are counted as messages, to be safe.
CONNECT = Use(messages=1, invocations=2, milliseconds=70, writes=3, reads=2 + 4, log_bytes=555, traces=0.05)
DISCONNECT = Use(messages=1, invocations=1, milliseconds=12, writes=1, log_bytes=560, traces=0.05)
# connections_changed counts anew and tells the speaker, here for each who comes or goes.
RECOUNT = Use(messages=1, invocations=1, milliseconds=40, writes=4, reads=4, log_bytes=255, traces=0.05)
HEARTBEAT = Use(messages=2, log_bytes=320)

LISTENER_HOUR = (
    CONNECT.plus(DISCONNECT)
    .plus(RECOUNT.times(2))
    .times(1 / STAY_HOURS)
    .plus(HEARTBEAT.times(HEARTBEATS_PER_HOUR))
    .plus(Use(messages=CHANGES_PER_HOUR, connection_minutes=60))
)

SCENARIOS = {
    "1,000,000 sessions created": CREATE.times(1_000_000),
    "1,000,000 sessions looked up": GET.times(1_000_000),
    "1,000,000 lists of one's own sessions": LIST.times(1_000_000),
    "1,000,000 sessions changed or ended": CHANGE.plus(NOTICE).times(1_000_000),
    "1,000 listener-hours": LISTENER_HOUR.times(1000),
}


def amounts(use: Use) -> dict[str, float]:
    """What is billed for the use, by the names of PRICES."""
    billed = use._asdict()
    seconds = billed.pop("milliseconds") / 1000 + use.invocations * COLD_SHARE * COLD_MS / 1000
    return billed | {"gb_seconds": seconds * MEMORY_GB}


def dollars(use: Use) -> dict[str, float]:
    """What the use costs, by the names of PRICES."""
    return {name: amount * PRICES[name].usd / PRICES[name].per for name, amount in amounts(use).items()}


def tables() -> dict[str, str]:
    """The tables of docs/cost.md by name, in Markdown."""
    return {"costs": _costs(), "use": _use(), "prices": _prices(), "monthly": _monthly()}


def written(document: str) -> str:
    """The document with each table between its marks made anew."""
    for name, table in tables().items():
        document = with_part(document, name, table)
    return document


def _costs() -> str:
    parts = {
        "API Gateway": ("http_requests", "messages", "connection_minutes"),
        "Lambda": ("invocations", "gb_seconds"),
        "DynamoDB": ("writes", "reads"),
        "Logs": ("log_bytes",),
        "Traces": ("traces",),
    }
    rows = []
    for scenario, use in SCENARIOS.items():
        spent = dollars(use)
        cells = [_usd(sum(spent[name] for name in names)) for names in parts.values()]
        rows.append([scenario, *cells, f"**{_usd(sum(spent.values()))}**"])
    return markdown_table(["", *parts, "Together"], rows)


def _use() -> str:
    operations = {
        "create": CREATE,
        "look up": GET,
        "list": LIST,
        "change or end": CHANGE,
        "its notice": NOTICE,
        "connect": CONNECT,
        "disconnect": DISCONNECT,
        "recount": RECOUNT,
        "heartbeat": HEARTBEAT,
    }
    columns = ["http_requests", "messages", "invocations", "milliseconds", "writes", "reads", "log_bytes"]
    heads = [
        "HTTP requests",
        "messages",
        "invocations",
        "ms (assumed)",
        "write units",
        "read units",
        "log bytes",
    ]
    rows = [[name, *(f"{use._asdict()[column]:g}" for column in columns)] for name, use in operations.items()]
    return markdown_table(["one", *heads], rows)


def _prices() -> str:
    rows = [
        [price.unit, f"${price.usd:g} per {price.per:,}", f"<https://aws.amazon.com/{price.page}/pricing/>"]
        for price in PRICES.values()
    ]
    return markdown_table(["what", "price", "to check at"], rows)


def _monthly() -> str:
    rows = [
        [price.unit, f"{MONTHLY[name]}", f"${price.usd:.2f}", f"${MONTHLY[name] * price.usd:.2f}"]
        for name, price in MONTHLY_PRICES.items()
    ]
    together = sum(MONTHLY[name] * price.usd for name, price in MONTHLY_PRICES.items())
    return markdown_table(
        ["what", "at most", "each", "a month"], [*rows, ["**together**", "", "", f"**${together:.2f}**"]]
    )


def _usd(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.1 else f"${amount:.4f}"


def main() -> None:
    """Write the tables into docs/cost.md."""
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
    print("Wrote the tables of docs/cost.md")


if __name__ == "__main__":
    main()
