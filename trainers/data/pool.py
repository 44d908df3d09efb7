"""The same function over many chunks, in order, by several processes when that pays; memory stays bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from advisor.base.errors import CouldNotError
from trainers.data.source import Source

Item = TypeVar("Item")
Context = TypeVar("Context")
Result = TypeVar("Result")

_BYTES_WORTH_A_POOL = 20 << 20
_MOST_WORKERS = 4


def workers_for(source: Source, wanted: int | None = None) -> int:
    """How many processes should share a source: one when it is small, else one a core (at most four)."""
    if wanted is not None:
        return wanted
    size = source.size_bytes
    return 1 if size is not None and size < _BYTES_WORTH_A_POOL else min(os.cpu_count() or 1, _MOST_WORKERS)


def map_ordered(
    function: Callable[[Item, Context], Result], items: Iterable[Item], context: Context, workers: int
) -> Iterator[Result]:
    """`function(item, context)` for each item, in order.

    `function` stands at the top of a module, so that it can be sent; `context` is sent once to each process. Raises
    `CouldNotError` when a process was killed.
    """
    if workers < 2:
        yield from (function(item, context) for item in items)
        return
    import multiprocessing

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(function, context)) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(_work, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise CouldNotError(
                "a process that read the rows was killed", fix="free some memory and try again"
            ) from None
        finally:
            for future in waiting:
                future.cancel()


_function: Callable[[Any, Any], Any] | None = None
_context: Any = None


def _start(function: Callable[[Any, Any], Any], context: Any) -> None:
    global _function, _context
    _function, _context = function, context


def _work(item: Any) -> Any:
    assert _function is not None
    return _function(item, _context)
