"""How every kernel is compiled: without the interpreter lock, cached on disk, plain IEEE arithmetic (no fast math).

A kernel that is not in the cache, or is handed arrays of another kind, is compiled while somebody waits for it: that is
the one slow way that nobody would notice, so it is counted.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit
from numba.core import event


class _Compilations(event.Listener):
    """Counts what is compiled in this process; what comes from the cache is not."""

    count = 0

    def on_start(self, event: event.Event) -> None:
        """A compilation begins."""

    def on_end(self, event: event.Event) -> None:  # noqa: ARG002 - the signature is numba's
        """A compilation is over."""
        self.count += 1


_compilations = _Compilations()
event.register("numba:compile", _compilations)  # type: ignore[no-untyped-call]


def kernels_compiled() -> int:
    """How many kernels were compiled in this process so far, instead of taken from the cache."""
    return _compilations.count


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
