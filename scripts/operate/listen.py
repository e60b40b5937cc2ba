"""Print what a listener of a session receives until it ends: captions, and changes of the session.

python -m scripts.operate.listen SESSION LANGUAGE connects to the local system, or with --url and
--websocket-url to a deployed one. With --token and no language, it prints what the speaker receives.
"""

import argparse
import sys

from scripts import command_line
from scripts.operate import session_socket
from scripts.operate.message_lines import lines
from scripts.operate.session_socket import Service, connected, messages, show


def main(arguments: list[str] | None = None) -> int:
    """Listen until the session ends or Ctrl-C; 1 with the reason on standard error when that fails."""
    options = _parse(arguments)
    return command_line.run(lambda: session_socket.run(options, lambda service: _listen(service, options)))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.listen", description=__doc__)
    session_socket.add_arguments(parser)
    parser.add_argument("language", nargs="?", help="target language, such as es")
    parser.add_argument("--token", help="access token of the speaker (without a language) or of a listener")
    options = parser.parse_args(arguments)
    session_socket.check_arguments(parser, options)
    if not options.language and not options.token:
        parser.error("a target language is required, such as es")
    return options


async def _listen(service: Service, options: argparse.Namespace) -> None:
    query = {"targetLanguage": options.language, "token": options.token}
    async with connected(service, options.session, **query) as socket:
        async for message in messages(socket):
            for line in lines(message):
                show(line)


if __name__ == "__main__":
    sys.exit(main())
