"""One shard as a plain class: segments, barriers, snapshots. It knows neither Ray nor the database."""

from engine.shards.shard import BarrierOutOfOrder, Shard

__all__ = ["BarrierOutOfOrder", "Shard"]
