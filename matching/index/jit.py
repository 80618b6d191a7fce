"""How every kernel is compiled: without the interpreter lock, cached on disk, plain IEEE arithmetic (no fast math)."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at first call; division by zero follows IEEE instead of raising, so that loops stay branchless."""
    return cast("Callable[P, R]", njit(nogil=True, cache=True, error_model="numpy")(function))
