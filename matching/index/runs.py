"""Kernels over runs: row ``i`` of a flat list is ``flat[starts[i] : starts[i + 1]]``.

NumPy has the interpreter wait while it repeats and gathers; these do not, so that a merge stops no query.
"""

# Numbers inside kernels are machine integers: neither Python's nor NumPy's stubs describe them.
# mypy: disable-error-code="arg-type, assignment, no-any-return, operator, return-value, call-overload, index, misc"

import numpy as np
import numpy.typing as npt

from matching.index.jit import kernel

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]


@kernel
def take_runs(starts: Int64Array, flat: Int32Array, rows: Int64Array) -> tuple[Int64Array, Int32Array]:
    """The runs of ``rows``, one after another, as starts and a flat list of their own."""
    taken_starts = np.zeros(len(rows) + 1, np.int64)
    for i in range(len(rows)):
        taken_starts[i + 1] = taken_starts[i] + starts[rows[i] + 1] - starts[rows[i]]
    taken = np.empty(taken_starts[len(rows)], np.int32)
    for i in range(len(rows)):
        place = taken_starts[i]
        for j in range(starts[rows[i]], starts[rows[i] + 1]):
            taken[place] = flat[j]
            place += 1
    return taken_starts, taken


@kernel
def keep_same_runs(
    starts: Int64Array,
    flat: Int32Array,
    rows: Int64Array,
    other_starts: Int64Array,
    other_flat: Int32Array,
    other_rows: Int64Array,
    same: npt.NDArray[np.bool_],
) -> None:
    """Clear ``same[i]`` unless run ``rows[i]`` equals the other list's run ``other_rows[i]``, number by number."""
    for i in range(len(rows)):
        first, other_first = starts[rows[i]], other_starts[other_rows[i]]
        length = starts[rows[i] + 1] - first
        if length != other_starts[other_rows[i] + 1] - other_first:
            same[i] = False
            continue
        for j in range(length):
            if flat[first + j] != other_flat[other_first + j]:
                same[i] = False
                break
