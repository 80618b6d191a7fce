"""Several threads over the parts of one state: kernels hold no interpreter lock, so each has a core to itself."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def over_parts(work: Callable[[Part], Result], parts: Sequence[Part], threads: int) -> list[Result]:
    """What ``work`` gives for each part, in the order of the parts; in this thread when there is one part or thread."""
    if threads == 1 or len(parts) < 2:
        return [work(part) for part in parts]
    return list(_pool(threads, os.getpid()).map(work, parts))


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked child has none of its parent's
    """Threads that stay: each keeps memory for its kernels (matching.index.scratch)."""
    return ThreadPoolExecutor(threads, thread_name_prefix="segments")
