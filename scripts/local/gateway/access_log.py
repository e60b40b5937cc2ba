"""The access log of an API, in the format that its stage declares.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
"""

import json
import re
from collections.abc import Callable

from scripts.local.gateway.chain import Exchange


class AccessLog:
    """Writes a line in `format_` for each exchange. `clock` returns epoch seconds."""

    def __init__(self, format_: str, write: Callable[[str], object], clock: Callable[[], float]) -> None:
        self._format = format_
        self._write = write
        self._clock = clock

    async def write(self, exchange: Exchange) -> None:
        """Write the line of an exchange. `-` stands for variables that it does not have."""
        variables = exchange.log_variables(self._clock())

        def value(name: re.Match[str]) -> str:
            return json.dumps(str(variables.get(name[1], "-")))[1:-1]

        line = re.sub(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)", value, self._format)
        self._write(f"{line}\n")
