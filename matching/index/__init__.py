"""The inverted index: encoded profiles, immutable segments, and the set of segments that a shard serves."""

from matching.index.columns import CrowdIds, ProfileColumns, encode_profiles
from matching.index.segment import Segment
from matching.index.segment_set import SegmentSet, SegmentSetState
from matching.index.warming import warm

__all__ = ["CrowdIds", "ProfileColumns", "Segment", "SegmentSet", "SegmentSetState", "encode_profiles", "warm"]
