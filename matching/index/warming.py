"""Compiles every kernel once, on two tiny segments, so that no order waits for the compiler."""

import numpy as np

from matching.compilation import CompiledBatch
from matching.index.columns import ProfileColumns
from matching.index.keys import CROWD, INDUSTRY_BELOW, KEYWORD, REGION_BELOW, key_of
from matching.index.segment import Segment, Trees
from matching.index.segment_set import Part, SegmentSetState, join_answers


def warm() -> None:
    """Compile (or load from the cache on disk) all kernels: building, both ways of matching, joining."""
    parts = tuple(Part.of(Segment.build(_two_users(), Trees(_roots(), _roots()))) for _ in range(2))
    state = SegmentSetState(parts, 4)
    answers = [state.match(_one_query(), full_only=full_only) for full_only in (False, True)]
    join_answers(answers, np.ones(1, np.int64))


def _roots() -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array([-1, 0], np.int32)


def _two_users() -> ProfileColumns:
    starts, numbers = np.array([0, 1, 2], np.int64), np.array([0, 1], np.int32)
    return ProfileColumns(
        np.array([1, 2], np.int64),
        *(starts, numbers) * 4,
        np.array([22.5, np.nan]),
        np.array([114.0, np.nan]),
        np.array([60, 60], np.uint8),
        np.array([True, True]),
    )


def _one_query() -> CompiledBatch:
    keys = [key_of(space, 0) for space in (KEYWORD, INDUSTRY_BELOW, REGION_BELOW, CROWD)]
    return CompiledBatch(
        np.zeros(1, np.int64),
        np.array([0, 4], np.int64),
        np.array([1, 0, 0, 0], np.int32),
        np.arange(5, dtype=np.int64),
        np.array(keys, np.int64),
        np.ones(1, np.int32),
        np.array([15], np.int32),
        np.array([[22.5, 114.0, 1.0]]),
        np.array([[22.5, 114.0]]),
        np.array([0, 1], np.int64),
        np.array([7], np.int64),
        np.array([5], np.int64),
        np.array([4100, 3000, 2400, 1500], np.int64),
    )
