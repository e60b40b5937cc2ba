"""TCP ports of 127.0.0.1: whether they are free."""

import itertools
import socket

from scripts.errors import CommandError


class PortTaken(CommandError):
    """Another process listens on `port`."""

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} is taken.")
        self.port = port


def is_free(port: int) -> bool:
    """Return whether no process listens on the port. Port 0, which takes any, is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_pair(first: int) -> int:
    """Return the lowest port, from `first` on, that is free together with the next one."""
    return next(port for port in itertools.count(first) if is_free(port) and is_free(port + 1))
