"""The inverted index: encoded profiles, immutable segments, and the set of segments that a shard serves.

Import from the submodules: compiled queries need ``columns`` and the segments need compiled queries, so a package root
that imported both would close a circle.
"""
