"""Resolve every name below `localhost` to this machine, as RFC 6761 asks; not every C library does.

Python imports a module of this name at startup when its folder is on PYTHONPATH. So the functions, which
ministack starts, reach the WebSocket API by the name that ministack gives it.
"""

import socket

_resolve = socket.getaddrinfo


def _getaddrinfo(host, *rest, **options):  # type: ignore[no-untyped-def]
    below_localhost = isinstance(host, str) and host.endswith(".localhost")
    return _resolve("127.0.0.1" if below_localhost else host, *rest, **options)


socket.getaddrinfo = _getaddrinfo
