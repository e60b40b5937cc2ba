"""Change the language of a listener."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.errors import SessionNotFound
from shared.sessions.session import Language

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionStore


class ChangeLanguage:
    """Change what a listener listens in. `clock` returns epoch milliseconds.

    The stream of the connections table then recounts the listeners and sends the last captions.
    """

    def __init__(self, connections: "ConnectionStore", clock: Callable[[], int]) -> None:
        self._connections = connections
        self._clock = clock

    def __call__(self, session_id: str, connection_id: str, language: Language) -> None:
        """Write the language. Raises SessionNotFound if the listener is no longer connected.

        Raises ServiceUnavailable.
        """
        if not self._connections.set_language(session_id, connection_id, language, self._clock()):
            raise SessionNotFound
