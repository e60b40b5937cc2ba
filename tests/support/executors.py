"""An executor without threads."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any


class SequentialExecutor(Executor):
    """Runs one call after the other in the caller's thread, so that their order is deterministic."""

    def map(self, fn: Callable[..., Any], *iterables: Any, **_: Any) -> Iterator[Any]:
        return map(fn, *iterables)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
