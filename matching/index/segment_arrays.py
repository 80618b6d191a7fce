"""What the kernels see of a segment and of a batch: plain tuples of arrays."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]


class People(NamedTuple):
    """Columns by local id; ``sorted_ids`` ascending with the local id of each in ``sorted_rows``, and the
    place of each user's id there in ``ranks``; ``points`` int32 (users, 3), on the unit sphere, and ``balls`` around
    neighbours (matching.index.sphere).
    """

    ids: Int64Array
    latitudes: FloatArray
    longitudes: FloatArray
    ratings: npt.NDArray[np.uint8]
    sorted_ids: Int64Array
    sorted_rows: npt.NDArray[np.uint32]
    ranks: npt.NDArray[np.uint32]
    points: npt.NDArray[np.int32]
    balls: FloatArray


class BatchArrays(NamedTuple):
    """The arrays of matching.compilation.CompiledBatch, in its order and without the order ids."""

    plane_starts: Int64Array
    plane_weights: Int32Array
    key_starts: Int64Array
    keys: Int64Array
    at_least: Int32Array
    named: Int32Array
    near: FloatArray
    origin: FloatArray
    exclude_starts: Int64Array
    excluded: Int64Array
    limits: Int64Array
    weights: Int64Array


class Answer(NamedTuple):
    """A segment's answer to a batch: counts, and the best of each tier, best first; query q's are ``*_starts[q]`` to
    ``*_starts[q + 1]``. Where sets were wanted, ``full_starts`` bound ``full_rows``, local ids of everybody, instead.
    """

    full_counts: Int64Array
    partial_counts: Int64Array
    dimension_counts: Int64Array
    full_starts: Int64Array
    full_keys: Int64Array
    full_ids: Int64Array
    partial_starts: Int64Array
    partial_keys: Int64Array
    partial_ids: Int64Array
    full_rows: npt.NDArray[np.uint32]
