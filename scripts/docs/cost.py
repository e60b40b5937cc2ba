"""The cost model of docs/cost.md: the use of each operation, multiplied by AWS's list prices.

tests/unit/scripts/docs/test_cost.py runs the functions and checks that they make exactly these calls.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass, replace
from math import ceil
from typing import NamedTuple

from scripts.docs.markdown import markdown_table, replace_section
from scripts.launch_load import (
    CAPTION_CHARACTERS,
    CAPTION_INTERVAL_S,
    COLD_MS,
    CONNECTION_BYTES,
    HEARTBEATS_PER_HOUR,
    LANGUAGES,
    LAST_CAPTIONS,
    POST_MS,
    READ_UNIT_BYTES,
    UPDATES_PER_HOUR,
    caption_bytes,
    read_units,
    write_units,
)
from scripts.project import ROOT

MEMORY_MB = 512
FAN_OUT_MEMORY_MB = 1769  # of functions that send messages to an audience

# Assumptions: use that depends on clients or on AWS.
COLD_SHARE = 0.02  # of invocations
TRACED_SHARE = 0.05  # of requests that X-Ray samples
PAGE = 20  # sessions on a page of a list
SESSION_BYTES = 350
AUDIENCE = 100  # connections of a session
STAY_HOURS = 1  # that a listener stays connected
SWEEPS_PER_MONTH = 43_800  # one a minute
AUDIO_CHUNK_BYTES = 8_192  # of PCM
AUDIO_CHUNKS_PER_HOUR = 14_063  # of speech, one every 256 ms
AUDIO_RECORD_BYTES = 11 * 1024  # of a chunk on the stream, in base64; full KB are billed
CAPTIONS_PER_HOUR = int(3600 / CAPTION_INTERVAL_S)  # of speech: about 50,000 characters
VOICE_BYTES_PER_S = 6_000  # of MP3
SPOKEN_CHARACTERS_PER_S = 15
VOICE_LANGUAGES_AT_ONCE = 2  # threads that call Amazon Polly

# The most that one session can cost.
SESSION_HOURS = 24
MAX_LANGUAGES = 18  # of the 19 languages, all but that of the speaker
MAX_LISTENERS = 500  # max_listeners of every environment
MAX_CHARACTERS_PER_MINUTE = 2_000


class Price(NamedTuple):
    """The list price of `per` units in us-east-1, without free tiers and discounts."""

    unit: str
    usd: float
    per: int
    page: str


PRICES = {
    "http_requests": Price("HTTP API requests", 1.00, 1_000_000, "api-gateway"),
    "messages": Price("WebSocket messages of up to 32 KB", 1.00, 1_000_000, "api-gateway"),
    "connection_minutes": Price("WebSocket connection minutes", 0.25, 1_000_000, "api-gateway"),
    "invocations": Price("Lambda requests", 0.20, 1_000_000, "lambda"),
    "gb_seconds": Price("Lambda GB-seconds, x86", 16.6667, 1_000_000, "lambda"),
    "writes": Price("DynamoDB write request units", 0.625, 1_000_000, "dynamodb"),
    "reads": Price("DynamoDB read request units", 0.125, 1_000_000, "dynamodb"),
    "log_bytes": Price("bytes of logs ingested", 0.50, 10**9, "cloudwatch"),
    "traces": Price("X-Ray traces", 5.00, 1_000_000, "xray"),
    "audio_bytes": Price("bytes put on the audio stream", 0.08, 10**9, "kinesis/data-streams"),
    "characters": Price("characters translated by Amazon Translate", 15.00, 1_000_000, "translate"),
    "spoken_characters": Price("characters spoken by Amazon Polly, neural", 16.00, 1_000_000, "polly"),
    "puts": Price("files stored in S3", 0.005, 1_000, "s3"),
    "gets": Price("files read from S3", 0.0004, 1_000, "s3"),
    "transferred_bytes": Price("bytes sent to the internet", 0.09, 10**9, "ec2/on-demand"),
}
STORAGE_PRICES = (
    Price("GB of DynamoDB storage a month", 0.25, 1, "dynamodb"),
    Price("GB of point-in-time recovery a month", 0.20, 1, "dynamodb"),
)
MONTHLY_PRICES = {
    "metrics": Price("custom metrics, and detailed metrics of routes", 0.30, 1, "cloudwatch"),
    "alarm_metrics": Price("metrics in alarms", 0.10, 1, "cloudwatch"),
    "composite_alarms": Price("composite alarms", 0.50, 1, "cloudwatch"),
    "dashboards": Price("dashboards", 3.00, 1, "cloudwatch"),
}
# The maximum for one environment with alarms. The metrics include one per source language in use.
MONTHLY = {"metrics": 98, "alarm_metrics": 180, "composite_alarms": 4, "dashboards": 1}


AUDIO_STREAM = Price("hours of the audio stream, on demand", 0.04, 1, "kinesis/data-streams")
HOURS_PER_MONTH = 730


class Call(NamedTuple):
    """A call of an AWS API and what is billed for it; request units include those of the table's indexes.

    `name` is `<table>:<operation>` of DynamoDB, or an operation of API Gateway's @connections API, Amazon
    Translate, Amazon Polly, S3 or Kinesis.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """

    name: str
    writes: float = 0
    reads: float = 0
    messages: float = 0
    characters: float = 0
    audio_bytes: float = 0
    spoken_characters: float = 0
    puts: float = 0


# Every item is under 1 KB, except for captions in many languages. The sessions table has three indexes. A new
# status moves the item in the index by status, and a new due time in the index by due time, which takes two
# writes each. The index by speaker has every attribute, so each update writes it once.
COUNT_USE = Call("rate_limits:UpdateItem", writes=1)
PUT_SESSION = Call("sessions:PutItem", writes=4)
# One call, which is listed once for each of its tables. A transaction costs two writes for each item, and the
# usual one for each index.
TRANSACT_KEY = Call("idempotency_keys:TransactWriteItems", writes=2)
TRANSACT_SESSION = Call("sessions:TransactWriteItems", writes=5)
UPDATE_SESSION = Call("sessions:UpdateItem", writes=4)
END_SESSION = Call("sessions:UpdateItem", writes=6)
UPDATE_COUNT = Call("sessions:UpdateItem", writes=2)
UPDATE_ANNOUNCEMENT = Call("sessions:UpdateItem", writes=2)
UPDATE_PRESENCE = Call("sessions:UpdateItem", writes=4)
FINISH_DRAIN = Call("sessions:UpdateItem", writes=3)  # removes the item from the index by due time
GET_SESSION = Call("sessions:GetItem", reads=1)
QUERY_DUE = Call("sessions:Query", reads=0.5)  # eventually consistent
# Eventually consistent.
QUERY_SESSIONS = Call("sessions:Query", reads=ceil(PAGE * SESSION_BYTES / READ_UNIT_BYTES) / 2)
PUT_CONNECTION = Call("connections:PutItem", writes=1)
ADMIT_CONNECTION = Call("connections:UpdateItem", writes=1)
TAKE_PLACE = Call("audiences:UpdateItem", writes=1)
GIVE_PLACE_BACK = Call("audiences:UpdateItem", writes=1)  # by the count after a leave
GET_PLACES = Call("audiences:GetItem", reads=1)
DELETE_CONNECTION = Call("connections:DeleteItem", writes=1)
DELETE_AUDIENCE = Call("connections:BatchWriteItem", writes=AUDIENCE)  # one call for each 25
QUERY_CONNECTIONS = Call("connections:Query", reads=ceil(AUDIENCE * CONNECTION_BYTES / READ_UNIT_BYTES))
GET_CONNECTION = Call("connections:GetItem", reads=1)
SET_LANGUAGE = Call("connections:UpdateItem", writes=1)
PUBLISH = Call("live_captions:UpdateItem", writes=1)
GET_LIVE_CAPTION = Call("live_captions:GetItem", reads=1)
ADD_CAPTION = Call("captions:PutItem", writes=1)
UPDATE_CAPTION = Call("captions:UpdateItem", writes=write_units(caption_bytes(LANGUAGES)))
QUERY_LAST_CAPTIONS = Call("captions:Query", reads=read_units(LAST_CAPTIONS * caption_bytes(LANGUAGES)))
# Eventually consistent, and a page has as many captions as a listener gets after joining.
LIST_CAPTIONS = Call("captions:Query", reads=QUERY_LAST_CAPTIONS.reads / 2)
TRANSLATE = Call("TranslateText", characters=CAPTION_CHARACTERS)
PUT_AUDIO = Call("PutRecord", audio_bytes=AUDIO_RECORD_BYTES)
SPEAK = Call("SynthesizeSpeech", spoken_characters=CAPTION_CHARACTERS)
STORE_VOICE = Call("PutObject", puts=1)
POST = Call("PostToConnection", messages=1)
CLOSE = Call("DeleteConnection")


@dataclass(frozen=True)
class Use:
    """Amounts of what is billed, by the names in PRICES; `milliseconds` is the duration of warm functions."""

    http_requests: float = 0
    messages: float = 0
    connection_minutes: float = 0
    invocations: float = 0
    gb_seconds: float = 0
    milliseconds: float = 0
    writes: float = 0
    reads: float = 0
    log_bytes: float = 0
    traces: float = 0
    characters: float = 0
    audio_bytes: float = 0
    spoken_characters: float = 0
    puts: float = 0
    gets: float = 0
    transferred_bytes: float = 0

    def __add__(self, other: "Use") -> "Use":
        """Return the sum of each amount."""
        return Use(*(mine + others for mine, others in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, factor: float) -> "Use":
        """Return each amount multiplied by the factor."""
        return Use(*(amount * factor for amount in astuple(self)))


@dataclass(frozen=True)
class Operation:
    """What one operation uses besides its `calls`, and the calls for each connection and each language.

    `connection_ms` is the time of its function for each connection, where `use` has none of that.
    """

    use: Use
    calls: tuple[Call, ...] = ()
    calls_per_connection: tuple[Call, ...] = ()
    calls_per_language: tuple[Call, ...] = ()
    connection_ms: float = 0

    def total(self) -> Use:
        """Return the use of the operation with its calls, without those for each connection or language."""
        return self.use + _use(self.calls)

    def per_connection(self) -> Use:
        """Return the use for each connection."""
        return _milliseconds(self.connection_ms, FAN_OUT_MEMORY_MB) + _use(self.calls_per_connection)


def _lambda(
    milliseconds: float, memory_mb: int = MEMORY_MB, *, invocations: int = 1, log_bytes: int = 0
) -> Use:
    """Return the use of invocations that together take this long when warm, with the share of cold starts."""
    cold = replace(_milliseconds(invocations * COLD_SHARE * COLD_MS, memory_mb), milliseconds=0)
    return Use(invocations=invocations, log_bytes=log_bytes) + _milliseconds(milliseconds, memory_mb) + cold


def _milliseconds(milliseconds: float, memory_mb: int) -> Use:
    """Return the use of a function's time."""
    return Use(gb_seconds=milliseconds / 1000 * memory_mb / 1024, milliseconds=milliseconds)


def _http(milliseconds: int, log_bytes: int) -> Use:
    return Use(http_requests=1, traces=TRACED_SHARE) + _lambda(milliseconds, log_bytes=log_bytes)


def _websocket(milliseconds: int, *, functions: int, log_bytes: int = 550) -> Use:
    # $connect and $disconnect are counted as messages, to be on the safe side.
    event = Use(messages=1, traces=TRACED_SHARE)
    return event + _lambda(milliseconds, invocations=functions, log_bytes=log_bytes)


def _message(milliseconds: int) -> Use:
    # The answer is a message too.
    return _websocket(milliseconds, functions=1) + Use(messages=1)


def _use(calls: Iterable[Call]) -> Use:
    uses = (
        Use(**{name: amount for name, amount in call._asdict().items() if name != "name"}) for call in calls
    )
    return sum(uses, start=Use())


OPERATIONS = {
    "create": Operation(_http(25, 900), (COUNT_USE, PUT_SESSION)),
    "create with a key": Operation(_http(30, 900), (COUNT_USE, TRANSACT_KEY, TRANSACT_SESSION)),
    "get": Operation(_http(12, 600), (GET_SESSION,)),
    "list": Operation(_http(20, 600), (QUERY_SESSIONS,)),
    "update": Operation(_http(15, 600), (UPDATE_SESSION,)),
    "notify of an update": Operation(
        _lambda(120, FAN_OUT_MEMORY_MB), (GET_SESSION, QUERY_CONNECTIONS), (POST,)
    ),
    "delete": Operation(_http(15, 600), (END_SESSION,)),
    "notify of the end": Operation(
        _lambda(220, FAN_OUT_MEMORY_MB), (QUERY_CONNECTIONS, DELETE_AUDIENCE, FINISH_DRAIN), (POST, CLOSE)
    ),
    "connect": Operation(
        _websocket(70, functions=2, log_bytes=800),
        (COUNT_USE, GET_SESSION, PUT_CONNECTION, TAKE_PLACE, GET_SESSION, ADMIT_CONNECTION),
    ),
    "disconnect": Operation(_websocket(12, functions=1), (DELETE_CONNECTION,)),
    "count listeners": Operation(
        Use(traces=TRACED_SHARE) + _lambda(15, FAN_OUT_MEMORY_MB, log_bytes=250),
        (GET_PLACES, QUERY_CONNECTIONS, UPDATE_COUNT, POST),
    ),
    "count after the speaker connects": Operation(
        Use(traces=TRACED_SHARE) + _lambda(20, FAN_OUT_MEMORY_MB, log_bytes=250),
        (GET_PLACES, QUERY_CONNECTIONS, UPDATE_COUNT, UPDATE_PRESENCE, POST),
    ),
    # Each write of a count changes the session, so it invokes session_changed. Lambda's filters cannot
    # compare the new count with the old one.
    "ignore a new count": Operation(_lambda(2, FAN_OUT_MEMORY_MB)),
    "notify of an absence": Operation(
        _lambda(10_120, FAN_OUT_MEMORY_MB), (UPDATE_ANNOUNCEMENT, QUERY_CONNECTIONS), (POST,)
    ),
    "sweep": Operation(_lambda(10, FAN_OUT_MEMORY_MB), (QUERY_DUE,)),
    "heartbeat": Operation(Use(messages=2, log_bytes=300)),
    "welcome a listener": Operation(
        _lambda(30, FAN_OUT_MEMORY_MB), (GET_SESSION, POST, QUERY_LAST_CAPTIONS, POST)
    ),
    "welcome the speaker": Operation(_lambda(20, FAN_OUT_MEMORY_MB), (GET_SESSION, GET_LIVE_CAPTION, POST)),
    "describe the session again": Operation(_message(12), (GET_CONNECTION, GET_SESSION)),
    "change the language": Operation(_message(12), (SET_LANGUAGE,)),
    "send the last captions in it": Operation(
        _lambda(25, FAN_OUT_MEMORY_MB), (GET_SESSION, QUERY_LAST_CAPTIONS, POST)
    ),
    "publish a caption": Operation(_message(18), (GET_SESSION, PUBLISH)),
    "publish the first caption of a minute": Operation(_message(25), (GET_SESSION, PUBLISH, PUBLISH)),
    "translate and send a caption": Operation(
        _lambda(250, FAN_OUT_MEMORY_MB, log_bytes=300),
        (
            *(GET_SESSION, ADD_CAPTION, QUERY_CONNECTIONS),
            *(UPDATE_CAPTION, QUERY_CONNECTIONS, UPDATE_CAPTION),
        ),
        (POST,),
        (TRANSLATE,),
        connection_ms=POST_MS,
    ),
    "send a chunk of audio": Operation(_message(15), (GET_SESSION, PUT_AUDIO)),
    # Most of the time it waits for Amazon Polly.
    "speak a caption": Operation(
        _lambda(700, FAN_OUT_MEMORY_MB, log_bytes=300),
        (GET_SESSION, QUERY_CONNECTIONS),
        (POST,),
        (SPEAK, STORE_VOICE),
    ),
    "list captions": Operation(_http(15, 600), (GET_SESSION, LIST_CAPTIONS)),
}
"""Durations and log bytes, with the line of the access log, are estimates; a test counts the calls."""

COUNT = OPERATIONS["count listeners"].total() + OPERATIONS["ignore a new count"].total() * OPERATIONS[
    "count listeners"
].calls.count(UPDATE_COUNT)
STAY = (
    OPERATIONS["connect"].total()
    + OPERATIONS["welcome a listener"].total()
    + OPERATIONS["disconnect"].total()
    + COUNT * 2
)
LISTENER_HOUR = (
    (STAY + _use((GIVE_PLACE_BACK,))) * (1 / STAY_HOURS)
    + OPERATIONS["heartbeat"].total() * HEARTBEATS_PER_HOUR
    + _use(OPERATIONS["notify of an update"].calls_per_connection) * UPDATES_PER_HOUR
    + Use(connection_minutes=60)
)
UPDATE = OPERATIONS["update"].total() + OPERATIONS["notify of an update"].total()


def hour_of_speech(languages: int, listeners: int) -> Use:
    """Return the use of an hour of speech that listeners hear in other languages than the speaker's.

    It is that of the captions, without the connections of the speaker and of the listeners.
    """
    return speech(
        captions=CAPTIONS_PER_HOUR,
        minutes=60,
        characters=CAPTIONS_PER_HOUR * CAPTION_CHARACTERS,
        languages=languages,
        listeners=listeners,
        caption_writes=write_units(caption_bytes(languages)),
    )


def speech(
    *, captions: int, minutes: int, characters: int, languages: int, listeners: int, caption_writes: int
) -> Use:
    """Return the use of publishing and sending captions with so many characters in total.

    `caption_writes` are the write request units of a caption with its translations. Without a language
    nothing is translated, which saves a write of the caption and a query of the connections.
    """
    publish, first = OPERATIONS["publish a caption"], OPERATIONS["publish the first caption of a minute"]
    send = OPERATIONS["translate and send a caption"]
    times = 2 if languages else 1
    queries = Use(reads=times * read_units((listeners + 1) * CONNECTION_BYTES))
    updates = Use(writes=times * caption_writes)
    fixed = send.use + _use(call for call in send.calls if call not in (QUERY_CONNECTIONS, UPDATE_CAPTION))
    return (
        publish.total() * (captions - minutes)
        + first.total() * minutes
        + (fixed + queries + updates + send.per_connection() * (listeners + 1)) * captions
        + Use(characters=characters * languages)
    )


AUDIO_HOUR = OPERATIONS["send a chunk of audio"].total() * AUDIO_CHUNKS_PER_HOUR


def hour_of_voice(languages: int, listeners: int) -> Use:
    """Return what voices add to the use of an hour of speech, in a premium session.

    Each listener hears one of the languages, from S3: the files of one hour are VOICE_BYTES_PER_S long.
    """
    speak = OPERATIONS["speak a caption"]
    # Two languages at a time, each as long as one.
    waits = Use() if languages <= 1 else _milliseconds(
        speak.use.milliseconds * (ceil(languages / VOICE_LANGUAGES_AT_ONCE) - 1), FAN_OUT_MEMORY_MB
    )  # fmt: skip
    reads = Use(reads=GET_SESSION.reads + read_units((listeners + 1) * CONNECTION_BYTES))
    caption = speak.use + waits + reads + _use(speak.calls_per_language) * languages
    heard = speak.per_connection() + Use(gets=1, transferred_bytes=_voice_bytes(CAPTION_CHARACTERS))
    return (caption + heard * listeners) * CAPTIONS_PER_HOUR


def _voice_bytes(characters: float) -> float:
    return characters / SPOKEN_CHARACTERS_PER_S * VOICE_BYTES_PER_S


SCENARIOS = {
    "1,000,000 sessions created": OPERATIONS["create"].total() * 1_000_000,
    "1,000,000 sessions created with a key": OPERATIONS["create with a key"].total() * 1_000_000,
    "1,000,000 sessions read": OPERATIONS["get"].total() * 1_000_000,
    "1,000,000 pages of sessions listed": OPERATIONS["list"].total() * 1_000_000,
    "1,000,000 sessions updated or ended": UPDATE * 1_000_000,
    "1,000 listener-hours": LISTENER_HOUR * 1_000,
    f"1,000 hours of speech, {LANGUAGES} languages, {AUDIENCE - 1} listeners": hour_of_speech(
        LANGUAGES, AUDIENCE - 1
    )
    * 1_000,
    "1,000 hours of audio": AUDIO_HOUR * 1_000,
    f"the voice of 1,000 hours of speech, {LANGUAGES} languages, {AUDIENCE - 1} listeners": hour_of_voice(
        LANGUAGES, AUDIENCE - 1
    )
    * 1_000,
    "1,000,000 pages of captions listed": OPERATIONS["list captions"].total() * 1_000_000,
    "a month of sweeps with nothing due": OPERATIONS["sweep"].total() * SWEEPS_PER_MONTH,
}


def most_of_a_session() -> dict[str, Use]:
    """Return what the most expensive session of 24 hours uses, by cause.

    Its speaker publishes all characters that are allowed, in captions so short that the session's lane is
    busy without a pause. What is published beyond that is stored and not sent, because it is a minute old.
    """
    minutes = SESSION_HOURS * 60
    send_ms = (MAX_LISTENERS + 1) * POST_MS
    sent = int(minutes * 60_000 / send_ms)
    published = minutes * MAX_CHARACTERS_PER_MINUTE  # one character each
    characters = published * MAX_LANGUAGES
    publish, send = OPERATIONS["publish a caption"], OPERATIONS["translate and send a caption"]
    stored = _use((ADD_CAPTION, UPDATE_CAPTION, UPDATE_CAPTION)) * published
    reads = Use(reads=2 * read_units((MAX_LISTENERS + 1) * CONNECTION_BYTES)) * sent
    return {
        "translation": Use(characters=characters),
        "voice, if it is premium, heard by all listeners": Use(
            spoken_characters=characters,
            puts=sent * MAX_LANGUAGES,
            messages=sent * MAX_LISTENERS,
            gets=sent * MAX_LISTENERS,
            transferred_bytes=_voice_bytes(published) * MAX_LISTENERS,
        ),
        f"messages to {MAX_LISTENERS} listeners, one caption after the other": send.per_connection()
        * ((MAX_LISTENERS + 1) * sent)
        + reads,
        "publishing one character at a time": publish.total() * published + stored,
        f"{MAX_LISTENERS} listeners": LISTENER_HOUR * (MAX_LISTENERS * SESSION_HOURS),
    }


def costs(use: Use) -> dict[str, float]:
    """Return what the use costs in US dollars, by the names in PRICES."""
    amounts = asdict(use)
    del amounts["milliseconds"]  # billed as GB-seconds
    return {name: amount * PRICES[name].usd / PRICES[name].per for name, amount in amounts.items()}


def page() -> str:
    """Return docs/cost.md with the current tables."""
    text = (ROOT / "docs" / "cost.md").read_text()
    sections = {
        "costs": _costs(),
        "speech": _speech_table(),
        "voice": _voice_table(),
        "most": _most_table(),
        "audio": _audio_table(),
        "use": _use_table(),
        "assumptions": _assumptions(),
        "prices": _prices(),
        "monthly": _monthly(),
    }
    for name, content in sections.items():
        text = replace_section(text, name, content)
    return text


def _costs() -> str:
    services = {
        "API Gateway": ("http_requests", "messages", "connection_minutes"),
        "Lambda": ("invocations", "gb_seconds"),
        "DynamoDB": ("writes", "reads"),
        "Logs": ("log_bytes",),
        "Traces": ("traces",),
        "Translate": ("characters",),
        "Kinesis": ("audio_bytes",),
        "Polly": ("spoken_characters",),
        "S3 and transfer": ("puts", "gets", "transferred_bytes"),
    }
    rows = []
    for scenario, use in SCENARIOS.items():
        by_name = costs(use)
        cells = [_usd(sum(by_name[name] for name in names)) for names in services.values()]
        rows.append([scenario, *cells, f"**{_usd(sum(by_name.values()))}**"])
    return markdown_table(["", *services, "Total"], rows)


def _speech_table() -> str:
    return _hour_table("into", hour_of_speech, (0, 1, 2, 5, MAX_LANGUAGES))


def _voice_table() -> str:
    return _hour_table("in", hour_of_voice, (1, 2, 5, MAX_LANGUAGES))


def _hour_table(head: str, hour: Callable[[int, int], Use], numbers_of_languages: Iterable[int]) -> str:
    names = {0: "the speaker's only", 1: "1 language"}
    columns = {10: "10 listeners", 100: "100 listeners", 500: "500 listeners"}
    rows = [
        [
            names.get(languages, f"{languages} languages"),
            *(_usd(sum(costs(hour(languages, listeners)).values())) for listeners in columns),
        ]
        for languages in numbers_of_languages
    ]
    return markdown_table([head, *columns.values()], rows)


def _most_table() -> str:
    uses = most_of_a_session()
    rows = [[cause, _usd(sum(costs(use).values()))] for cause, use in uses.items()]
    total = sum(sum(costs(use).values()) for use in uses.values())
    return markdown_table(["", "24 hours"], [*rows, ["**total**", f"**{_usd(total)}**"]])


def _audio_table() -> str:
    idle = AUDIO_STREAM.usd * HOURS_PER_MONTH
    rows = [
        [f"a month of the stream, also without audio ({HOURS_PER_MONTH} hours)", _usd(idle)],
        ["an hour of audio: chunks sent, put and answered", _usd(sum(costs(AUDIO_HOUR).values()))],
    ]
    return markdown_table(["", "cost"], rows)


def _use_table() -> str:
    head = (
        *("operation", "calls", "messages", "write units", "read units", "characters", "spoken"),
        *("ms", "log bytes"),
    )
    rows = []
    for name, operation in OPERATIONS.items():
        rows.append(_use_row(name, operation.calls, operation.total()))
        if calls := operation.calls_per_connection:
            rows.append(_use_row("… for each connection", calls, operation.per_connection()))
        if calls := operation.calls_per_language:
            rows.append(_use_row("… for each language", calls, _use(calls)))
    return markdown_table(head, rows, left=2)


def _use_row(name: str, calls: Iterable[Call], use: Use) -> list[str]:
    amounts = (
        *(use.messages, use.writes, use.reads, use.characters, use.spoken_characters),
        *(use.milliseconds, use.log_bytes),
    )
    return [name, ", ".join(call.name for call in calls), *(f"{amount:g}" for amount in amounts)]


def _assumptions() -> str:
    lines = (
        f"Functions have {MEMORY_MB} MB of memory, and {FAN_OUT_MEMORY_MB:,} MB if they send to an audience.",
        f"{COLD_SHARE:.0%} of invocations are cold starts, which take {COLD_MS} ms longer.",
        f"X-Ray samples {TRACED_SHARE:.0%} of requests.",
        f"A page of a list has {PAGE} sessions of {SESSION_BYTES} bytes.",
        f"A session has {AUDIENCE} connections of {CONNECTION_BYTES} bytes.",
        f"A listener stays {STAY_HOURS} hour and sends {HEARTBEATS_PER_HOUR} heartbeats, each with a reply.",
        f"A session is updated {UPDATES_PER_HOUR} times an hour.",
        "Every join and every leave causes one count of the listeners. In fact one count covers a batch.",
        f"In an hour of speech there are {CAPTIONS_PER_HOUR:,} captions of {CAPTION_CHARACTERS} characters.",
        f"In an hour of audio there are {AUDIO_CHUNKS_PER_HOUR:,} chunks of {AUDIO_CHUNK_BYTES:,} bytes.",
        f"A chunk of audio is a record of {AUDIO_RECORD_BYTES:,} bytes on the stream.",
        f"The listeners of a session choose {LANGUAGES} languages besides that of the speaker.",
        f"A caption takes {POST_MS:g} ms of one processor for each connection.",
        f"A second of voice has {SPOKEN_CHARACTERS_PER_S} characters and {VOICE_BYTES_PER_S:,} bytes.",
    )
    gathering = _usd(sum(costs(LISTENER_HOUR * 2 * 500).values()))
    summary = f"With these assumptions, 500 listeners for two hours cost {gathering}."
    return "\n".join([*(f"- {line}" for line in lines), "", summary])


def _prices() -> str:
    rows = [
        [price.unit, f"${price.usd:g} per {price.per:,}", f"<https://aws.amazon.com/{price.page}/pricing/>"]
        for price in (*PRICES.values(), AUDIO_STREAM, *STORAGE_PRICES)
    ]
    return markdown_table(["unit", "price", "source"], rows, left=3)


def _monthly() -> str:
    rows = [
        [price.unit, f"{MONTHLY[name]}", f"${price.usd:.2f}", f"${MONTHLY[name] * price.usd:.2f}"]
        for name, price in MONTHLY_PRICES.items()
    ]
    total = sum(MONTHLY[name] * price.usd for name, price in MONTHLY_PRICES.items())
    return markdown_table(
        ["", "maximum", "each", "a month"], [*rows, ["**total**", "", "", f"**${total:.2f}**"]]
    )


def _usd(amount: float) -> str:
    return f"${amount:.2f}" if amount >= 0.1 else f"${amount:.4f}"
