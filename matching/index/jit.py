"""How every kernel is compiled: without the interpreter lock, cached on disk, plain IEEE arithmetic (no fast math)."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile at first call; division by zero follows IEEE instead of raising, so that loops stay branchless.

    Where no folder keeps what is compiled (a service user without a home, on a read-only installation), it is compiled
    in every process anew.
    """
    try:
        compiled = njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:
        compiled = njit(nogil=True, error_model="numpy")(function)
    return cast("Callable[P, R]", compiled)
