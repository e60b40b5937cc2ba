"""Captions of several sessions as a property: whatever happens at whichever call, nobody misses a caption.

The use case runs over stores in memory. At any of its calls a table or API Gateway may fail, the function may
be killed, and listeners join, leave and change their language. As Lambda does, batches that failed are
delivered again, and records that succeeded sometimes too.
"""

from collections.abc import Callable
from contextlib import suppress
from random import Random

from hypothesis import given, note, settings
from hypothesis import strategies as st

from shared.captions.caption import Caption
from shared.errors import ServiceUnavailable
from shared.events import table_stream
from shared.events.table_stream import Record
from shared.sessions.session import Language
from tests.support.caption_harness import AFTER_HANDSHAKE, CaptionHarness, Killed
from tests.support.captions import a_caption
from tests.support.connections import a_listener, a_speaker
from tests.support.executors import SequentialExecutor
from tests.support.sessions import a_session

SESSIONS = [a_session(id=f"holy-psalm-{number}") for number in (100, 200, 300)]
LANGUAGES = [Language.SPANISH, Language.FRENCH, Language.ENGLISH]
BATCH_SIZE = 4
HISTORY = 20
CAPTIONS = 12


class Stream:
    """The lane of a stream: batches in order, each again until it has succeeded."""

    def __init__(self, harness: CaptionHarness, random: Random) -> None:
        self.pending: list[Record[Caption]] = []
        self.repeated: set[tuple[str, int]] = set()
        self._harness = harness
        self._random = random
        self._written: list[Record[Caption]] = []

    def write(self, caption: Caption) -> None:
        record = Record(None, caption, str(len(self._written)))
        self._written.append(record)
        self.pending.append(record)

    def deliver(self) -> None:
        """Deliver a batch, sometimes with records that were delivered already."""
        batch = self.pending[: self._random.randint(1, BATCH_SIZE)]
        if self._random.random() < 0.2:
            done = self._written[: len(self._written) - len(self.pending)]
            batch = done[-2:] + batch
        before = {(one.caption.session.id, one.caption.sequence) for one in self._delivered()}
        response = None
        with suppress(Killed):
            response = table_stream.process_groups(
                batch,
                lambda caption: caption.session,
                lambda records: self._harness.handle(*(record.new for record in records if record.new)),
                SequentialExecutor(),
            )
        self._remember_interrupted(before)
        if response is None:
            return
        failed = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
        # From the first failure on, as Lambda does with batches of a stream.
        first = min((int(number) for number in failed), default=int(batch[-1].sequence_number) + 1)
        self.pending = [record for record in self.pending if int(record.sequence_number) >= first]

    def _delivered(self) -> list:
        return [row for row in self._harness.history.rows.values() if row.delivered_at]

    def _remember_interrupted(self, before: set[tuple[str, int]]) -> None:
        """Remember the captions of which some connection may have been sent the message without a mark."""
        for row in self._harness.history.rows.values():
            key = row.caption.session.id, row.caption.sequence
            if key not in before and row.delivered_at is None:
                self.repeated.add(key)


class Room:
    """The listeners of all sessions, and what each has received."""

    def __init__(self, harness: CaptionHarness, random: Random) -> None:
        self.harness = harness
        self.history: dict[str, list[int]] = {}
        self.lost: set[tuple[str, int]] = set()
        self._random = random
        self._waiting: list[str] = []
        for session in SESSIONS:
            harness.connections.add(a_speaker(id=f"speaker-{session.id}", session_id=session.id))
            harness.open.add(f"speaker-{session.id}")

    def anything(self) -> None:
        actions = [self.join, self.join_and_read_the_history, self.welcome, self.change, self.leave]
        self._random.choice(actions)()

    def join(self) -> None:
        name = f"listener-{len(self.history)}"
        self.harness.connections.add(
            a_listener(
                id=name,
                session_id=self._random.choice(SESSIONS).id,
                target_language=self._random.choice(LANGUAGES),
            )
        )
        self.harness.open.add(name)
        self.history[name] = []
        self._waiting.append(name)

    def join_and_read_the_history(self) -> None:
        self.join()
        self._waiting.insert(0, self._waiting.pop())
        self.welcome()

    def welcome(self) -> None:
        """Read the history for one who was admitted before, as connection_admitted does."""
        if self._waiting:
            name = self._waiting.pop(0)
            row = self.row(name)
            if row:
                captions = self.harness.history.last(row.session, HISTORY)
                self.history[name] = [stored.caption.sequence for stored in captions]

    def change(self) -> None:
        if rows := [row for row in self.harness.connections.rows.values() if row.target_language]:
            row = self._random.choice(rows)
            language = self._random.choice(LANGUAGES)
            self.harness.connections.set_language(row.session_id, row.id, language, self.harness.now)

    def leave(self) -> None:
        if names := sorted(name for name in self.harness.open if name.startswith("listener")):
            self.harness.open.remove(self._random.choice(names))

    def row(self, name: str):
        return next((row for row in self.harness.connections.rows.values() if row.id == name), None)


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.randoms(use_true_random=True))
def test_every_caption_is_stored_once_and_reaches_everybody_in_order(random: Random):
    harness = CaptionHarness(sessions=SESSIONS)
    stream, room = Stream(harness, random), Room(harness, random)
    published = {session.id: 0 for session in SESSIONS}
    faults = random.choice([0.0, 0.02, 0.1])

    def maybe_fail(kill: bool) -> Callable[[str], None]:
        def happen(call: str) -> None:
            if random.random() < 0.15:
                room.anything()
            if random.random() < faults:
                note(f"{'kill' if kill else 'fail'} at {call}")
                raise Killed if kill else ServiceUnavailable

        return happen

    harness.before, harness.after = maybe_fail(kill=False), maybe_fail(kill=True)
    for _ in range(CAPTIONS):
        session = random.choice(SESSIONS)
        published[session.id] += random.randint(1, 3)
        stream.write(a_caption(published[session.id], session=_ref(session), published_at=AFTER_HANDSHAKE))
        if random.random() < 0.5:
            stream.deliver()
    while stream.pending:
        if len(harness.calls) > 2000:
            harness.before = harness.after = lambda call: None
        stream.deliver()
    harness.before = harness.after = lambda call: None
    for _ in range(len(room.history)):
        room.welcome()

    for session in SESSIONS:
        ref = _ref(session)
        rows = harness.history.last(ref, CAPTIONS)
        sequences = [row.caption.sequence for row in rows]
        assert sequences == sorted(
            record.new.sequence for record in stream._written if record.new.session == ref
        )
        assert all(row.delivered_at for row in rows)
        for row in harness.connections.of_session(session.id):
            if row.id not in harness.open:
                continue
            live = harness.sequences(row.id)
            seen = {*live, *room.history.get(row.id, [])}
            assert seen >= set(sequences), row.id
            first = list(dict.fromkeys(live))
            assert first == sorted(first)
            # Only a caption whose handling was interrupted is sent to anybody again.
            again = {(session.id, sequence) for sequence in live if live.count(sequence) > 1}
            assert again <= stream.repeated
    for name, messages in harness.messages.items():
        for message in messages:
            if not name.startswith("speaker"):
                assert message["translated"] is (message["language"] != "en")
            else:
                assert message["text"] == f"Sentence {message['sequence']}."


def _ref(session):
    return a_caption().session._replace(id=session.id)
